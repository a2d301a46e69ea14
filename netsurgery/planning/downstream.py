"""The layers behind a change: which of them can be fitted anew, and fitting them in their turn."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable, List, Mapping, Sequence

from netsurgery.calibration import Calibrator
from netsurgery.layers import MatrixProduct
from netsurgery.methods import Context, Edit, Origin, Refit, why_not
from netsurgery.network import ChannelGroup, Model, Value, infer_shapes, layers_behind

ROWS = 4
"""How many times as many rows as unknowns a fit must see: fewer say little of other inputs."""


def downstream_layers(model: Model, changed: Iterable[Value]) -> List[str]:
    """Return the layers that read, however far behind, what is changed, and that can be fitted.

    Args:
        model: The network.
        changed: Values that are changed.
    """
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    return [
        layer.name
        for layer in layers_behind(network, changed)
        if model.blobs(layer.name) and not why_not(network, layer, shapes[layer.bottoms[0]])
    ]


def fit_in_turn(
    original: Model,
    model: Model,
    names: Sequence[str],
    calibrator: Calibrator,
    origins: Mapping[Value, Origin],
) -> Model:
    """Return a model with layers fitted, one after another, to what they make in the original.

    Args:
        original: The model that tells what should come out.
        model: The one to fit.
        names: Its layers, in their order.
        calibrator: Runs inputs.
        origins: Where its values stood in the original.

    Raises:
        PlanError: A layer cannot be fitted.
        EngineError: There is no engine, or it refuses a model.
    """
    context = Context(original, calibrator, origins)
    for name in names:
        rewrite = Refit().rewrite(model, Edit(name, Refit.name), context)
        assert model.weights is not None
        model = replace(model, weights=model.weights.replace(rewrite.weights))
    return model


def are_readers_fitted(group: ChannelGroup, names: Iterable[str]) -> bool:
    """Whether all layers that read the channels of a group are among those to be fitted.

    If not, they are fitted channel by channel when channels are cut.
    """
    return {layer.name for layer in group.consumers} <= set(names)


def rows_seen(product: MatrixProduct, calibrator: Calibrator) -> int:
    """Return how many rows a fit of a layer sees."""
    return len(calibrator.inputs) * min(product.places, calibrator.places_to_fit(product))


def sees_enough(product: MatrixProduct, calibrator: Calibrator) -> bool:
    """Whether those are enough to fit a whole layer."""
    return rows_seen(product, calibrator) >= ROWS * product.width
