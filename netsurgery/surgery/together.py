"""Which edits of a plan are carried out in one look at the net.

A look at a net takes time in proportion to its layers, and so would each edit that changes its
text: what needs no more than the layer it rewrites is carried out ahead of fits that cannot see it.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from netsurgery.errors import PlanError
from netsurgery.methods import Context, Edit, LowRankMethod, Rewrite, method
from netsurgery.network import Layer, Model, Network
from netsurgery.surgery.contract import rewrites_of


def rewrites_together(
    model: Model, edits: Sequence[Edit], context: Context
) -> Iterator[Tuple[int, Rewrite]]:
    """Yield rewrites that are carried out together, the first edit's first, with their numbers.

    All name layers of the model as they stand in its text. Carried out ahead of the edits that are
    skipped, each is what it would be behind them, and so are these.

    Args:
        model: The model before all of them.
        edits: The edits that are left of a plan, in its order.
        context: What methods may look at.

    Raises:
        ContractError: A method answers no rewrite of this model, or breaks down.
        PlanError: An edit cannot be carried out.
    """
    alone = _Alone(model, context)
    if alone.layer_of(edits[0]) is None:
        alike = list(takewhile(lambda edit: edit.method == edits[0].method, edits))
        yield from enumerate(rewrites_of(model, alike, context))
        return
    for number, edit in enumerate(edits):
        layer = alone.layer_of(edit)
        if layer is not None:
            rewrite = next(rewrites_of(model, [edit], context))
            if not alone.take(layer, rewrite):
                return
            yield number, rewrite
        elif not alone.skip(edit):
            return


class _Alone:
    """Edits that need no more than a layer each, and the fits in between that were skipped."""

    def __init__(self, model: Model, context: Context) -> None:
        self._model, self._context = model, context
        self._network = model.network()
        self._skipped = 0
        self._homes: Dict[str, Layer] = {}

    def layer_of(self, edit: Edit) -> Optional[Layer]:
        """The layer of an edit, if it needs no more and stands behind all fits that were skipped.

        What leads to the output of a fitted layer, and to what that is added to, does not lie
        behind it.
        """
        chosen, layer = method(edit.method), self._layer(edit.layer)
        if layer is None or not isinstance(chosen, LowRankMethod):
            return None
        if not chosen.needs_only_its_layer(self._model, edit, self._context):
            return None
        try:
            coupled = chosen.coupled(self._model, layer.name)
        except PlanError:  # to be raised when its turn has come
            return None
        behind = _leading_to(self._network)[layer.index]
        return None if len(coupled) > 1 or self._skipped & ~behind else layer

    def take(self, layer: Layer, rewrite: Rewrite) -> bool:
        """Note what came of an edit; whether no layer before got one of its names."""
        names = [piece for pieces in rewrite.pieces.values() for piece in pieces]
        if not self._homes.keys().isdisjoint([layer.name, *names]):
            return False
        self._homes.update(dict.fromkeys([layer.name, *names], layer))
        return True

    def skip(self, edit: Edit) -> bool:
        """Leave an edit for later; whether it is a fit, which those behind it do not see."""
        layer = self._homes.get(edit.layer) or self._layer(edit.layer)
        if layer is None or not method(edit.method).only_fits:
            return False
        self._skipped |= 1 << layer.index
        return True

    def _layer(self, name: str) -> Optional[Layer]:
        found = self._network.find(name)
        return found[0] if len(found) == 1 else None


def _leading_to(network: Network) -> Sequence[int]:
    """For each layer those that lead to it, as the bits of a number."""
    return network.derived(_leading_to, lambda: _trace_back(network))


def _trace_back(network: Network) -> List[int]:
    found: List[int] = []
    for layer in network.layers:
        makers = [network.producer(value) for value in layer.bottoms]
        bits = 0
        for maker in makers:
            bits |= 0 if maker is None else found[maker.index] | 1 << maker.index
        found.append(bits)
    return found
