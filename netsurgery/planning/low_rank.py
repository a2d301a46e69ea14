"""The planner of low-rank edits: which layers, and at which rank, from a user's rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Optional, Sequence, Union

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.linalg import svd
from netsurgery.methods import Edit, LowRank, Method, low_rank_method
from netsurgery.network.doctor.fit import require_fit
from netsurgery.network.model import Model
from netsurgery.planning.plan import Left, Plan
from netsurgery.planning.rules import Rule, choose, refuse_idle

_RANK_FOR = {"energy": svd.rank_for_energy, "error": svd.rank_for_error}


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
        PlanError: A rule selects nothing, a rank is impossible, or a layer named outright would
            grow.
        NetworkError: Prototxt and weights do not belong together.
    """
    require_fit(model)
    chosen = low_rank_method(wishes.method)
    layers = candidates(model, chosen)
    refuse_idle(wishes.rules, layers, " or ".join(chosen.layer_types))
    decisions: list[Union[Edit, Left]] = []
    done: dict[str, str] = {}
    for name, type_ in layers:
        if progress:
            progress(name)
        decision = _decide(model, chosen, wishes, name, type_, done)
        decisions.append(decision)
        if isinstance(decision, Edit):
            done.update((other, name) for other in chosen.coupled(model, name))
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
    model: Model, chosen: LowRank, wishes: Wishes, name: str, type_: str, done: Mapping[str, str]
) -> Union[Edit, Left]:
    if name in done:
        return Left(name, f"shares its weights with {done[name]!r} and is rewritten with it")
    if any(Rule("keep", pattern, 0).selects(name, type_) for pattern in wishes.keep):
        return Left(name, "kept on request")
    rule = choose(wishes.rules, name, type_)
    if rule is None:
        return Left(name, "no rule selects it")
    try:
        matrix = chosen.matrix(model, name)
        return _edit(chosen, wishes, rule, name, matrix)
    except PlanError as error:
        if rule.names(name):
            raise
        return Left(name, error.problem)


def _edit(chosen: LowRank, wishes: Wishes, rule: Rule, name: str, matrix: np.ndarray) -> Edit:
    needs_spectrum = wishes.predict or rule.kind in _RANK_FOR
    spectrum = svd.spectrum(matrix) if needs_spectrum else None
    rank = _rank(rule, matrix.shape, spectrum, name)
    _refuse_growth(rule, rank, matrix.shape, wishes.allow_growth, name)
    options = {"rank": rank, **dict(wishes.options)}
    return Edit(name, chosen.name, options, _predict(matrix.shape, rank, spectrum))


def _rank(rule: Rule, shape: tuple, spectrum: Optional[np.ndarray], name: str) -> int:
    full = min(shape)
    if spectrum is not None and rule.kind in _RANK_FOR:
        return _RANK_FOR[rule.kind](spectrum, rule.value)
    rank = int(rule.value) if rule.whole else max(1, round(rule.value * full))
    if rank > full:
        raise PlanError(
            f"rank {rank} is more than the full rank {full} of its {shape[0]}x{shape[1]} weights",
            layer=name,
            remedy=f"give a rank below {svd.breakeven_rank(*shape) + 1}",
        )
    return rank


def _refuse_growth(rule: Rule, rank: int, shape: tuple, allowed: bool, name: str) -> None:
    rows, columns = shape
    breakeven = svd.breakeven_rank(rows, columns)
    if rank <= breakeven or allowed:
        return
    before, after = rows * columns, rank * (rows + columns)
    saves = f"it saves up to rank {breakeven}" if breakeven else "no rank saves anything"
    raise PlanError(
        f"rank {rank} does not make its {rows}x{columns} weights smaller "
        f"({after:,} instead of {before:,}); {saves}",
        layer=name,
        remedy=f"lower the {rule.kind}, or pass --allow-growth",
    )


def _predict(shape: tuple, rank: int, spectrum: Optional[np.ndarray]) -> dict[str, Any]:
    rows, columns = shape
    facts: dict[str, Any] = {
        "breakeven": svd.breakeven_rank(rows, columns),
        "weights": [rows * columns, rank * (rows + columns)],
    }
    if spectrum is not None:
        facts["energy"] = float(f"{svd.kept_energy(spectrum, rank):.6g}")
        facts["error"] = float(f"{_tail(spectrum, rank):.6g}")
    return facts


def _tail(spectrum: np.ndarray, rank: int) -> float:
    """Relative error of the best approximation of that rank (Eckart and Young 1936)."""
    whole = np.linalg.norm(spectrum)
    return float(np.linalg.norm(spectrum[rank:]) / whole) if whole else 0.0
