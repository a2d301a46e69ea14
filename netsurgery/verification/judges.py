"""Which engine may say whether two nets are the same: one that heeds all they say, steadily."""

from __future__ import annotations

from typing import Callable, Mapping, TypeVar

import numpy as np

from netsurgery.engine import Engine, EngineLike, choose_judges
from netsurgery.errors import EngineError, NoJudgeError
from netsurgery.network import Network

Result = TypeVar("Result")
# Threads may sum in another order from one run to the next; what drifts does so by far more.
_STEADY = 1e-4


def ask_judge(
    engine: EngineLike, networks: tuple[Network, ...], run: Callable[[Engine], Result]
) -> tuple[Engine, Result]:
    """Run something in the first engine that is a judge of the networks.

    Args:
        engine: An engine or its name; all that can run the networks, in their order, if None.
        networks: What is run.
        run: Runs it in an engine; raises NoJudgeError where that turns out to be no judge.

    Returns:
        The engine, and what came of it.

    Raises:
        NoJudgeError: No engine is one; the text says why.
        EngineError: There is no engine, or it refuses a network.
    """
    refusals = []
    for candidate, objection in choose_judges(engine, networks):
        if objection:
            refusals.append(f"{candidate.name} {objection}")
            continue
        try:
            return candidate, run(candidate)
        except NoJudgeError as error:
            refusals.append(f"{candidate.name} {error.problem}")
        except EngineError as error:
            if not refusals:
                raise
            refusals.append(f"{candidate.name}: {error.problem}")
    raise NoJudgeError(
        f"no engine here is a judge of it ({'; '.join(refusals)})",
        file=networks[0].prototxt.file,
        remedy="use an engine of the Caffe that the net was made for",
    )


def require_steady(
    network: Network, first: Mapping[str, np.ndarray], again: Mapping[str, np.ndarray]
) -> None:
    """See that a net gave the same twice for the same inputs.

    Raises:
        NoJudgeError: It did not; names the layers known to be so.
    """
    if all(_same(blob, again[name]) for name, blob in first.items()):
        return
    drifting = [
        layer.name for layer in network.layers if layer.layer_type.normalises_by_batch(layer)
    ]
    names = ", ".join(map(repr, drifting[:3]))
    why = f" (it has no batch statistics as layer {names} asks for)" if drifting else ""
    raise NoJudgeError(f"gives something else each time for the same inputs{why}")


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape:
        return False
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return False
    difference = np.linalg.norm((a[finite] - b[finite]).astype(np.float64))
    return bool(difference <= _STEADY * np.linalg.norm(a[finite].astype(np.float64)))
