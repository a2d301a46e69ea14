"""The edits in their order: from the first layer to the last, with what is fitted in between."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import List, Mapping, Optional, Set, Tuple

from netsurgery.budgets.choices import Choice, LayerChoices
from netsurgery.budgets.metric import Metric
from netsurgery.budgets.request import BudgetRequest
from netsurgery.budgets.search import KEPT, Allocation, second
from netsurgery.calibration import Calibrator
from netsurgery.costs import LATENCY, MACS, PARAMS, counted, six_digits
from netsurgery.layers import ROW_PRODUCTS, MatrixProduct
from netsurgery.linalg import plain_ranks
from netsurgery.methods import (
    ASYMMETRIC,
    ChainMethod,
    Change,
    ConvolutionChain,
    Edit,
    Prediction,
    SecondChoice,
    new_names,
    weights_name,
    why_not,
)
from netsurgery.network import Layer, Model, Shape, Value, infer_shapes
from netsurgery.planning import ROWS, Skipped, rows_seen, sees_enough

REFIT = "refit"
LEAST = 1
"""How many times as many rows as unknowns the last layer of a chain must see.

Fewer than whole layers must, as it was chosen for what it does when fitted: in `mininet_ssd`, 1,536
rows for 396 weights bring the error of a layer from 0.61 to 0.13 on other photos.
"""

Shapes = Mapping[Value, Optional[Shape]]


class Order:
    """Puts down what was chosen, layer after layer.

    Attributes:
        edits: The edits so far.
        skipped: Layers left alone, with reasons.
    """

    def __init__(
        self,
        selection: Allocation,
        request: BudgetRequest,
        calibrator: Optional[Calibrator],
        limits: Mapping[str, float],
        changed: Set[Value],
    ) -> None:
        """Prepare.

        Args:
            selection: What was chosen.
            request: What the user asked for.
            calibrator: Runs inputs, if there are some.
            limits: What may be spent.
            changed: Values that are not the original's any more, as channels were cut.
        """
        self.selection, self.request, self.calibrator = selection, request, calibrator
        self.edits: List[Edit] = []
        self.skipped: List[Skipped] = []
        self._limits, self._changed = limits, set(changed)
        self._by_metric = request.chosen_score(calibrator is not None) == Metric.name
        self._taken = {
            name: (place, table, choice)
            for place, (table, choice) in enumerate(selection.taken())
            for name in table.coupled
        }
        self._network = selection.model.network()
        self._shapes: Shapes = infer_shapes(self._network, weights=selection.model.weights)

    def write(self) -> None:
        """Go through the layers in their order."""
        done: Set[str] = set()
        for layer in self._network.layers:
            downstream = not self._changed.isdisjoint(layer.bottoms)
            entry = self._taken.get(layer.name)
            if layer.name in done:
                continue
            done.add(layer.name)
            rewritten = entry is not None and entry[2].method is not None
            if entry is not None and rewritten:
                self._rewrite(layer, *entry, downstream)
            elif entry is not None:
                self._leave(layer, *entry)
            elif layer.name in self.selection.skipped:
                self.skipped.append(Skipped(layer.name, self.selection.skipped[layer.name]))
            if downstream and not rewritten and self.selection.skipped.get(layer.name) != KEPT:
                self._fit_whole(layer)
            if downstream or rewritten:
                self._changed.update(layer.tops)

    def _rewrite(
        self, layer: Layer, place: int, table: LayerChoices, choice: Choice, downstream: bool
    ) -> None:
        assert choice.method is not None
        if layer.name != table.layer:
            reason = f"shares its weights with {table.layer!r} and is rewritten with it"
            self.skipped.append(Skipped(layer.name, reason))
            return
        fit = self._fit_of(layer, choice, downstream)
        options = {
            **choice.method.options_for(choice.ranks),
            **choice.options,
            **({"fit": fit} if fit else {}),
            **self.request.edit_options(choice.method),
        }
        costs = choice.method.tradeoff(self.selection.model, layer.name)
        limit = plain_ranks(costs.breakeven or (0,))
        other = second(self.selection, place, self._limits)
        predicted = replace(
            self._predict(table, choice),
            breakeven=limit,
            second=None if other is None else self._describe(other),
        )
        self.edits.append(Edit(layer.name, choice.method.name, options, predicted))
        if self._fits() and fit != ASYMMETRIC and (downstream or not fit):
            self._fit_chain(layer, table, choice)

    def _fit_of(self, layer: Layer, choice: Choice, downstream: bool) -> Optional[str]:
        """What the factors of a form are fitted to.

        Behind a change that is what the layer now reads: its principal components are then those
        of what can be had. A layer without bias, whose mean a BatchNorm behind it holds, is left
        to `refit`, which looks for that.
        """
        fit: Optional[str] = choice.options.get("fit")
        bias = len(self.selection.model.blobs(layer.name)) > 1
        if not (downstream and fit and bias and self._fits()):
            return fit
        assert self.calibrator is not None
        return ASYMMETRIC if sees_enough(self._product(layer), self.calibrator) else fit

    def _predict(self, table: LayerChoices, choice: Choice) -> Prediction:
        whole, own = table.choices[0].cost, choice.cost

        def change(name: str) -> Optional[Change]:
            return Change(counted(whole[name]), counted(own[name])) if name in own else None

        error, energy = self._lost(choice)
        return Prediction(
            error=error,
            energy=energy,
            loss=six_digits(choice.loss),
            macs=change(MACS),
            weights=change(PARAMS),
            seconds=change(LATENCY),
        )

    def _describe(self, choice: Choice) -> SecondChoice:
        error, energy = self._lost(choice)
        return SecondChoice(
            choice.method.name if choice.method else "none",
            choice.method.options_for(choice.ranks) if choice.method else {},
            error=error,
            energy=energy,
            loss=six_digits(choice.loss),
            macs=counted(choice.cost[MACS]),
            weights=counted(choice.cost[PARAMS]),
        )

    def _lost(self, choice: Choice) -> Tuple[Optional[float], Optional[float]]:
        """Error and energy of a form of a layer; a metric is not the layer's but the net's."""
        if self._by_metric:
            return None, None
        return six_digits(choice.lost**0.5), six_digits(1.0 - choice.lost)

    def _leave(self, layer: Layer, place: int, table: LayerChoices, choice: Choice) -> None:
        other = second(self.selection, place, self._limits)
        reason = "it can stay as it is within the budget"
        if layer.name != table.layer:
            reason = f"stays as it is, as {table.layer!r}, which shares its weights"
        elif other is not None:
            whole = choice.cost
            saves = 1.0 - other.cost["macs"] / whole["macs"] if whole["macs"] else 0.0
            lost = (
                f"{other.lost:.3g} of the metric"
                if self._by_metric
                else f"error {other.lost**0.5:.3g}"
            )
            reason += f"; next best is {other}: {lost}, MACs {-saves:+.0%}"
        self.skipped.append(Skipped(layer.name, reason))

    def _fit_chain(self, layer: Layer, table: LayerChoices, choice: Choice) -> None:
        """Fit the last layer of a chain."""
        if len(table.coupled) > 1 or weights_name(layer.text):
            self.skipped.append(
                Skipped(layer.name, "shares its weights: its chain cannot be fitted")
            )
            return
        if not isinstance(choice.method, ChainMethod):
            self.skipped.append(
                Skipped(layer.name, f"what {choice} makes of it is not fitted anew")
            )
            return
        edit = Edit(layer.name, choice.method.name, self.request.edit_options(choice.method))
        names = new_names(self.selection.model, edit, layer.name, choice.method.length)
        unknowns = choice.ranks[-1] * _taps(self.selection.model, choice, layer)
        self._fit(names.layers[-1], layer, unknowns, LEAST)

    def _fit_whole(self, layer: Layer) -> None:
        """Fit a layer that no method has changed to what it now reads."""
        model = self.selection.model
        if not (
            layer.layer_type.product in ROW_PRODUCTS and self._fits() and model.blobs(layer.name)
        ):
            return
        problem = why_not(self._network, layer, self._shapes[layer.bottoms[0]])
        if problem:
            self.skipped.append(Skipped(layer.name, f"not fitted anew: {problem}"))
        else:
            self._fit(layer.name, layer, self._product(layer).width)

    def _fit(self, name: str, layer: Layer, unknowns: int, least: int = ROWS) -> None:
        assert self.calibrator is not None
        rows = rows_seen(self._product(layer), self.calibrator)
        if rows < least * unknowns:
            reason = (
                f"not fitted anew: {rows:,} rows of inputs are too few for {unknowns:,} weights"
            )
            self.skipped.append(Skipped(name, reason))
        else:
            self.edits.append(Edit(name, REFIT))

    def _fits(self) -> bool:
        return self.request.refit and self.calibrator is not None

    def _product(self, layer: Layer) -> MatrixProduct:
        return MatrixProduct.of(layer, self._shapes[layer.bottoms[0]] or ())


def _taps(model: Model, choice: Choice, layer: Layer) -> int:
    """How many places the last layer of a chain reads each channel at."""
    if not isinstance(choice.method, ConvolutionChain):
        return 1
    chain = choice.method.chain
    return math.prod(chain.window(chain.layers - 1, model.blobs(layer.name)[0].shape[2:]))
