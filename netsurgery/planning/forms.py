"""Which low-rank forms a layer may take where the user names no method."""

from __future__ import annotations

from typing import Iterable, List, Sequence, Set, Tuple

from netsurgery.layers import layer_type
from netsurgery.methods import Edit, LowRankMethod, low_rank_method
from netsurgery.network import Model
from netsurgery.planning.plan import Skipped
from netsurgery.planning.rules import LayerRule

Layer = Tuple[str, str]  # name and type
FIRST = "svd"
# For one type the order is that in which a given rank is tried.
_NAMES = (FIRST, "channel_svd", "spatial_svd", "input_svd")


def usual_forms(options: Iterable[str]) -> List[LowRankMethod]:
    """Return the methods to choose among, those alone that take all of some options.

    Raises:
        PlanError: None of them has an option.
    """
    options = list(options)
    methods = [low_rank_method(name) for name in _NAMES]
    if not any(set(options) <= set(method.options) for method in methods):
        methods[0].refuse_unknown(options)
    return [method for method in methods if set(options) <= set(method.options)]


def considered(
    rules: Sequence[LayerRule], layers: Sequence[Layer], gaining: Iterable[str]
) -> Tuple[Set[str], str]:
    """Return the names of the layers that rules speak of, and why they do not of others.

    A rule for all layers speaks of InnerProduct layers, where most weights are; where none of
    these gains, of every layer that has a form.

    Args:
        rules: The rules.
        layers: All layers that have a form.
        gaining: Names of those that are known to gain by a rule for all.
    """
    named = {
        name
        for name, type_ in layers
        if any(rule.pattern != "*" and rule.selects(name, type_) for rule in rules)
    }
    first = {name for name, type_ in layers if low_rank_method(FIRST).takes(layer_type(type_))}
    if not any(rule.pattern == "*" for rule in rules):
        return named | first, "no rule selects it"
    if first & set(gaining):
        return (
            named | first,
            "rules for all are for InnerProduct layers, as these gain; name others, or their type",
        )
    return {name for name, _ in layers}, ""


def cheapest(found: Sequence[Edit]) -> Edit:
    """Return the edit behind which a layer computes least, or has fewest weights."""

    def cost(edit: Edit) -> Tuple[float, float]:
        predicted = edit.predicted
        assert predicted.weights is not None
        weights = predicted.weights.after
        return predicted.macs.after if predicted.macs else weights, weights

    return min(found, key=cost)


def without_form(model: Model, forms: Sequence[LowRankMethod]) -> List[Skipped]:
    """Return the layers with a matrix of weights, or a kernel, for which there is no form."""
    found = {}
    for layer in model.prototxt.layers:
        blobs = model.blobs(layer.name)
        matrix = bool(blobs) and sum(size > 1 for size in blobs[0].shape) > 1
        kind = layer_type(layer.type)
        if matrix and not any(form.takes(kind) for form in forms):
            reason = f"no method factors layers of type {layer.type}; thinning may cut them"
            found[layer.name] = Skipped(layer.name, reason)
    return list(found.values())
