"""Which engine does a job: the one place where that is decided, by what engines can do."""

from __future__ import annotations

import inspect
from typing import Any, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Union

from netsurgery.engine.base import Engine
from netsurgery.engine.capabilities import Capability, listed
from netsurgery.engine.registry import engine as engine_named, engines
from netsurgery.errors import EngineError
from netsurgery.network import Network

EngineLike = Optional[Union[Engine, str]]
"""An engine, its name, or None for the first that can do what is needed."""

_MOST_SHOWN = 3


class CandidateJudge(NamedTuple):
    """An engine that can run some networks.

    Attributes:
        engine: The engine.
        objection: Why it may not say whether they are the same, or "".
    """

    engine: Engine
    objection: str


def choose(
    engine: EngineLike = None,
    networks: Sequence[Network] = (),
    needs: Iterable[Capability] = (),
) -> Engine:
    """Return the engine that does a job.

    Args:
        engine: The engine asked for, or its name; None: the first that is usable, can do what is
            needed and runs all the networks as Caffe does.
        networks: What is to be run.
        needs: What it must be able to do, besides running forward.

    Raises:
        EngineError: There is none, or the one asked for cannot do it; says why and how to get one.
    """
    needs = frozenset((Capability.FORWARD, *needs))
    if engine is not None:
        chosen = engine_named(engine) if isinstance(engine, str) else engine
        problem = chosen.why_not(needs)
        if problem:
            able = [one.name for one in engines() if one.can(*needs)]
            raise EngineError(
                f"engine {chosen.name} {problem}",
                remedy=f"leave the engine out, or name {' or '.join(able) or 'another'}",
            )
        return chosen
    refusals = []
    for candidate in engines():
        refusal = _refusal(candidate, networks, needs)
        if not refusal:
            return candidate
        refusals.append(f"{candidate.name}: {refusal}")
    raise _none(networks, needs, refusals)


def choose_judges(engine: EngineLike, networks: Sequence[Network]) -> Iterator[CandidateJudge]:
    """Yield the engines that can run some networks, and whether they may judge them.

    Only an engine may that drops no field of theirs. Whether it answers the same twice is seen when
    it runs.

    Args:
        engine: The engine asked for, or its name: the only one then; None: all, in their order.
        networks: What is to be compared.

    Raises:
        EngineError: There is none that can run them.
    """
    if engine is not None:
        found = [choose(engine, networks)]
    else:
        found = [one for one in engines() if not _refusal(one, networks, frozenset())]
        found = found or [choose(None, networks)]
    for one in found:
        dropped = dict.fromkeys(field for network in networks for field in one.unheeded(network))
        shown = ", ".join(map(str, list(dropped)[:_MOST_SHOWN]))
        yield CandidateJudge(one, shown and f"does not know {shown}, and runs the net without")


def usable_engines(*needs: Capability) -> List[Engine]:
    """Return the engines that can be used here and can do what is needed, in their order."""
    return [one for one in engines() if one.can(*needs) and one.probe().usable]


def requested_engine(name: Optional[str] = None, **options: Any) -> Optional[Engine]:
    """Return the engine that a user asks for by its name, by options that only it takes, or both.

    Args:
        name: Its name, or None.
        options: What its class takes, such as ``python``, ``pythonpath`` or ``device``; those that
            are None are left out.

    Returns:
        The engine, or None where nothing is asked for.

    Raises:
        EngineError: There is none of that name, or none that takes the options.
    """
    given = {key: value for key, value in options.items() if value is not None}
    if not given:
        return None if name is None else engine_named(name)
    if name is None:
        takers = [one for one in engines() if options_of(one).issuperset(given)]
        if not takers:
            raise EngineError(f"no engine takes {', '.join(given)}")
        usable = [one for one in takers if one.probe().usable]
        name = (usable or takers)[0].name
    return engine_named(name, **given)


def options_of(engine: Engine) -> frozenset[str]:
    """Return the names of what an engine's class takes when it is made."""
    taken = inspect.signature(type(engine)).parameters.values()
    return frozenset(one.name for one in taken if one.kind is not one.VAR_KEYWORD)


def how_to_get_an_engine(*needs: Capability) -> str:
    """Say how a user gets an engine that can do something, as a remedy does."""
    ways = [f"`{one.installation}`" for one in engines() if one.can(*needs) and one.installation]
    return f"install one with {' or '.join(ways)}" if ways else "install one that can"


def _refusal(engine: Engine, networks: Sequence[Network], needs: frozenset[Capability]) -> str:
    """Why an engine cannot do a job, or ""."""
    problem = engine.why_not(needs)
    if problem:
        return problem
    probe = engine.probe()
    if not probe.usable:
        return probe.reason or "not usable"
    found = [obstacle for network in networks for obstacle in engine.obstacles(network)]
    shown = list(dict.fromkeys(one.problem for one in found))[:_MOST_SHOWN]
    return ", ".join(shown)


def _none(
    networks: Sequence[Network], needs: frozenset[Capability], refusals: Sequence[str]
) -> EngineError:
    special = listed(needs - {Capability.FORWARD})
    job = f"do this: {special}" if special else "run this net" if networks else "be used here"
    file = networks[0].prototxt.file if networks else None
    return EngineError(
        f"no engine can {job} ({'; '.join(refusals)})",
        file=file,
        remedy=how_to_get_an_engine(*needs),
    )
