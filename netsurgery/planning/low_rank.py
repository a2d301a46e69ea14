"""The planner of low-rank edits: which layers, and at which rank, from a user's rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any, Callable, Mapping, Optional, Sequence, Union

from netsurgery.errors import PlanError, Remedy
from netsurgery.linalg.evbmf import evbmf
from netsurgery.linalg.tradeoff import Ranks, Tradeoff, plain_ranks, rank_text
from netsurgery.methods import Edit, LowRank, Method, low_rank_method
from netsurgery.network.doctor.fit import require_fit
from netsurgery.network.model import Model
from netsurgery.network.shapes.base import show
from netsurgery.planning.asked import rank_facts
from netsurgery.planning.plan import Left, Plan
from netsurgery.planning.rules import (
    Rule,
    choose,
    keeps,
    refuse_idle,
    refuse_idle_keeps,
    refuse_kept,
)


@dataclass(frozen=True)
class Wishes:
    """What a user asks of the planner.

    Attributes:
        rules: Ranks, errors and energies, for layers by name, glob or type.
        keep: Layers to leave alone, by name, glob or type.
        method: The method to plan with.
        allow_growth: Take ranks that make a layer bigger.
        options: Options for every edit, such as ``{"split": "sqrt"}``.
        predict: Compute spectra also where a rank is given outright, to predict the error.
    """

    rules: Sequence[Rule] = ()
    keep: Sequence[str] = ()
    method: str = "svd"
    allow_growth: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    predict: bool = True


def plan_low_rank(
    model: Model, wishes: Wishes, progress: Optional[Callable[[str], None]] = None
) -> Plan:
    """Decide the rank of every layer that the method takes.

    Args:
        model: The network with its weights.
        wishes: What the user asks for.
        progress: Called with the name of each layer before it is looked at.

    Raises:
        PlanError: A rule selects nothing, a rank is impossible, a layer named outright would
            grow, or the method has no such option.
        NetworkError: Prototxt and weights do not belong together.
    """
    require_fit(model)
    chosen = low_rank_method(wishes.method)
    chosen.refuse_unknown(wishes.options)
    layers = candidates(model, chosen)
    refuse_idle(wishes.rules, layers, " or ".join(chosen.layer_types))
    refuse_kept(wishes.rules, wishes.keep, layers)
    refuse_idle_keeps(wishes.keep, [(layer.name, layer.type) for layer in model.prototxt.layers])
    decisions: list[Union[Edit, Left]] = []
    done: dict[str, tuple[str, Optional[Rule]]] = {}
    for number, (name, type_) in enumerate(layers, 1):
        if progress:
            progress(f"{name}, {number} of {len(layers)} layers")
        rule = choose(wishes.rules, name, type_, layers)
        decision = _decide(model, chosen, wishes, name, type_, rule, done)
        decisions.append(decision)
        if isinstance(decision, Edit):
            done.update((other, (name, rule)) for other in chosen.coupled(model, name))
    return Plan(
        tuple(item for item in decisions if isinstance(item, Edit)),
        tuple(item for item in decisions if isinstance(item, Left)),
    )


def candidates(model: Model, chosen: Method) -> list[tuple[str, str]]:
    """Return (name, type) of each layer, in document order, whose type the method takes."""
    found = {
        layer.name: layer.type
        for layer in model.prototxt.layers
        if layer.type in chosen.layer_types
    }
    return list(found.items())


def _decide(
    model: Model,
    chosen: LowRank,
    wishes: Wishes,
    name: str,
    type_: str,
    rule: Optional[Rule],
    done: Mapping[str, tuple[str, Optional[Rule]]],
) -> Union[Edit, Left]:
    if name in done:
        first, other = done[name]
        if rule and other and rule.names(name) and not rule.agrees(other):
            problem = f"{other} and {rule} contradict each other: it shares weights with {first!r}"
            raise PlanError(problem, layer=name, remedy="give one")
        return Left(name, f"shares its weights with {first!r} and is rewritten with it")
    if keeps(wishes.keep, name, type_):
        return Left(name, "kept on request")
    if rule is None:
        return Left(name, "no rule selects it")
    try:
        return _edit(chosen, wishes, rule, name, chosen.tradeoff(model, name))
    except PlanError as error:
        if rule.names(name):
            raise
        return Left(name, error.problem)


def _edit(chosen: LowRank, wishes: Wishes, rule: Rule, name: str, costs: Tradeoff) -> Edit:
    ranks = _RANKS[rule.kind](rule, costs, name)
    if not (costs.saves(ranks) or wishes.allow_growth):
        raise _growth(rule, costs, ranks, name)
    options = {**chosen.options_for(ranks), **dict(wishes.options)}
    predicted = _predict(costs, ranks, wishes.predict, rule.kind)
    return Edit(name, chosen.name, options, {**predicted, **rank_facts(rule, costs, ranks)})


def _given_ranks(rule: Rule, costs: Tradeoff, name: str) -> Ranks:
    """A number stands for all ranks of a layer, as far as they go; a fraction is of each."""
    if not rule.whole:
        return costs.share(rule.value)
    rank, most = int(rule.value), max(costs.full)
    if rank > most:
        limit = f"below {max(costs.breakeven) + 1}" if costs.breakeven else "in a plan of your own"
        raise PlanError(
            f"rank {rank} is more than the full rank {most} of its {show(costs.shape)} weights",
            layer=name,
            remedy=f"give a rank {limit}",
        )
    return tuple(min(rank, full) for full in costs.full)


def _ranks_for_energy(rule: Rule, costs: Tradeoff, name: str) -> Ranks:
    return costs.cheapest(1.0 - rule.value)


def _ranks_for_error(rule: Rule, costs: Tradeoff, name: str) -> Ranks:
    return costs.cheapest(rule.value**2)


def _ranks_above_noise(rule: Rule, costs: Tradeoff, name: str) -> Ranks:
    count = prod(costs.shape)
    spectra = () if costs.fit else costs.energies.spectra
    if not spectra:
        remedy = "give a rank, an energy or an error"
        raise PlanError("its form has no spectrum to tell from noise", layer=name, remedy=remedy)
    found = [evbmf(values, (len(values), count // len(values))).rank for values in spectra]
    return tuple(max(1, min(rank, full)) for rank, full in zip(found, costs.full))


_RANKS = {
    "rank": _given_ranks,
    "evbmf": _ranks_above_noise,
    "energy": _ranks_for_energy,
    "error": _ranks_for_error,
}


def _growth(rule: Rule, costs: Tradeoff, ranks: Ranks, name: str) -> PlanError:
    limit = costs.breakeven
    saves = f"it saves up to {rank_text(limit)}" if limit else "no rank saves anything"
    before, after = costs.weights.whole, costs.weights.at(ranks)
    return PlanError(
        f"{rank_text(ranks)} does not make its {show(costs.shape)} weights smaller "
        f"({after:,} instead of {before:,}); {saves}",
        layer=name,
        remedy=Remedy(
            f"lower the {'rank' if rule.kind == 'evbmf' else rule.kind}, or give {{}}",
            "allow_growth",
        ),
    )


def _predict(costs: Tradeoff, ranks: Ranks, wanted: bool, kind: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "breakeven": plain_ranks(costs.breakeven or (0,)),
        "weights": [costs.weights.whole, costs.weights.at(ranks)],
    }
    if costs.macs is not None:
        facts["macs"] = [costs.macs.whole, costs.macs.at(ranks)]
    if wanted or kind != "rank":
        lost = costs.fitted(ranks)
        facts["energy"] = float(f"{1.0 - lost:.6g}")
        facts["error"] = float(f"{lost**0.5:.6g}")
    return facts
