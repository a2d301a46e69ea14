"""The choices for every layer: methods and ranks, what each loses, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.budgets.scores import Score
from netsurgery.costs import LATENCY, MACS, Cost, NetCost
from netsurgery.errors import PlanError
from netsurgery.linalg import (
    Ranks,
    Tradeoff,
    even_numbers,
    gram_work,
    in_parallel,
    rank_text,
)
from netsurgery.methods import LowRankMethod
from netsurgery.network import Model

MOST = 24
"""Ranks of a method that are among the choices for a layer."""
MOST_EACH = 12
"""Where a form has two ranks: how many of each are tried."""
_GRAMS = 10.0
"""How many times the work of a Gram matrix of its weights the forms of a layer are, about."""


@dataclass(frozen=True)
class Choice:
    """A form for a layer.

    Attributes:
        method: The method; None leaves the layer as it is.
        ranks: Its ranks.
        options: What an edit says beside them.
        lost: Share of the layer's energy that is lost.
        loss: The same as a loss that adds up over layers.
        cost: What the form costs, in every currency.
    """

    method: Optional[LowRankMethod]
    ranks: Ranks
    options: Mapping[str, Any]
    lost: float
    loss: float
    cost: Cost

    def timed(self, factor: float) -> Choice:
        """Return the form with its time multiplied by a factor."""
        return replace(self, cost={**self.cost, LATENCY: self.cost[LATENCY] * factor})

    def __str__(self) -> str:
        return f"{self.method.name} {rank_text(self.ranks)}" if self.method else "as it is"


@dataclass(frozen=True)
class LayerChoices:
    """The choices for a layer, and for all that share its weights.

    Attributes:
        layer: Its name.
        coupled: The names of all of them.
        choices: The first leaves it as it is.
        refused: For methods that cannot take it, the reason.
    """

    layer: str
    coupled: Tuple[str, ...]
    choices: Tuple[Choice, ...]
    refused: Mapping[str, str] = field(default_factory=dict)


def find_choices(
    model: Model,
    layer: str,
    methods: Sequence[LowRankMethod],
    score: Score,
    cost: NetCost,
    currencies: Sequence[str],
    multiple: int,
) -> Optional[LayerChoices]:
    """Return the choices for a layer; None where no method takes it.

    Args:
        model: The model.
        layer: The name of one of its layers.
        methods: The methods to choose among.
        score: Tells what a form loses.
        cost: What the net costs.
        currencies: Those that there are budgets for; a form that saves in none is no choice.
        multiple: Of what all ranks are to be multiples.
    """

    def look(chosen: LowRankMethod) -> _Forms:
        found = _Forms((layer,))
        try:
            coupled = found.coupled = tuple(chosen.coupled(model, layer))
            tradeoff = chosen.tradeoff(model, layer)
            whole = found.whole = cost.whole(coupled, tradeoff)
            ranks = _saving_ranks(cost, coupled, chosen, tradeoff, whole, currencies, multiple)
            if not ranks:
                found.refused = "no rank saves anything"
                return found
            lost = np.asarray(score.lost(model, chosen, layer, tradeoff, ranks), float)
            options = score.options(model, chosen, layer)
            losses = score.losses(model, layer, lost)
            costs = cost.chains(coupled, chosen, tradeoff, ranks)
        except PlanError as error:
            found.refused = error.problem
            return found
        forms = [
            Choice(chosen, one, options, float(share), float(loss), own)
            for one, share, loss, own in zip(ranks, lost, losses, costs)
        ]
        found.choices = _few(forms, currencies)
        return found

    alone = cost.clock is not None or not score.several_at_once
    forms = in_parallel(look, methods, 0.0 if alone else forms_work(model, layer))
    refused = {chosen.name: one.refused for chosen, one in zip(methods, forms) if one.refused}
    coupled = forms[-1].coupled if forms else (layer,)
    whole = next((one.whole for one in forms if one.whole), None)
    if whole is None:
        return LayerChoices(layer, coupled, (), refused) if refused else None
    as_it_is = Choice(None, (), {}, 0.0, 0.0, whole)
    found = [choice for one in forms for choice in one.choices]
    return LayerChoices(layer, coupled, (as_it_is, *found), refused)


def forms_work(model: Model, layer: str) -> float:
    """Return about how many multiplications the forms of a layer take; 0 without weights.

    Args:
        model: The model.
        layer: The name of one of its layers.
    """
    blobs = model.blobs(layer)
    return _GRAMS * gram_work(blobs[0].shape) if blobs else 0.0


@dataclass
class _Forms:
    """What one method offers for a layer.

    Attributes:
        coupled: The layer and all that share its weights.
        whole: What they cost as they are, if the method could tell.
        choices: Forms.
        refused: Why there are none, or nothing.
    """

    coupled: Tuple[str, ...]
    whole: Optional[Cost] = None
    choices: Sequence[Choice] = ()
    refused: str = ""


def _saving_ranks(
    cost: NetCost,
    coupled: Sequence[str],
    chosen: LowRankMethod,
    tradeoff: Tradeoff,
    whole: Cost,
    currencies: Sequence[str],
    multiple: int,
) -> List[Ranks]:
    """Return ranks, from few to many, whose form costs less in a currency that counts."""

    def saves(ranks: Ranks) -> bool:
        spent = cost.chain(coupled, chosen, tradeoff, ranks)
        # Timing all ranks would take too long: what is quicker has fewer MACs, nearly always.
        counted = [MACS if name == LATENCY else name for name in currencies]
        return any(spent[name] < whole[name] for name in counted)

    axes = [range(multiple, full + 1, multiple) for full in tradeoff.full]
    if len(axes) == 1:
        saving = [(rank,) for rank in axes[0] if saves((rank,))]
        return [saving[number] for number in even_numbers(len(saving), MOST)]
    few = [[axis[number] for number in even_numbers(len(axis), MOST_EACH)] for axis in axes]
    return [ranks for ranks in product(*few) if saves(ranks)]


def _few(forms: Sequence[Choice], currencies: Sequence[str]) -> List[Choice]:
    """Return those forms that no other of the method beats, and not too many."""
    costs = np.array([[form.cost[name] for name in currencies] for form in forms])
    losses = np.array([form.loss for form in forms])
    kept: List[int] = []
    for number in np.lexsort((costs.sum(axis=1), losses)):
        if not kept or not (costs[kept] <= costs[number]).all(axis=1).any():
            kept.append(int(number))
    return [forms[kept[number]] for number in even_numbers(len(kept), MOST)]
