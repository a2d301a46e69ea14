"""The planner of folds: every BatchNorm, Scale and Bias that another layer can do the work of."""

from __future__ import annotations

from typing import Sequence

from netsurgery.methods import Edit, Prediction, find_chain, shapes_of
from netsurgery.network import Model, require_fit
from netsurgery.planning.plan import Plan, Skipped
from netsurgery.planning.rules import keeps, refuse_idle_keeps

KEPT = "kept on request"
_ALONE = (
    "no Convolution, Deconvolution or InnerProduct directly before it, and none behind it that "
    "alone reads it"
)


def plan_folds(model: Model, keep: Sequence[str] = ()) -> Plan:
    """Find all layers that fold into one before them, or else into one behind them.

    Args:
        model: The network with its weights.
        keep: Layers to leave alone, by name, glob or type: nothing is folded into them, and they
            are not folded away, nor is what would go with them.

    Returns:
        A plan of ``fold_batchnorm`` edits in the order of the net; ``skipped`` says of every other
        BatchNorm, Scale and Bias why it stays.

    Raises:
        PlanError: What is to be kept is not there.
        NetworkError: Prototxt and weights do not belong together.
    """
    require_fit(model)
    refuse_idle_keeps(keep, [(layer.name, layer.type) for layer in model.prototxt.layers])
    network = model.network()
    shapes = shapes_of(network)
    edits: list[Edit] = []
    taken: set[str] = set()
    reasons: dict[str, str] = {}
    for layer in network.layers:
        if layer.layer_type.product is None:
            continue
        chain = find_chain(model, network, layer, shapes)
        names = [one.name for one in chain.folded if one.name not in taken]
        if any(keeps(keep, one.name, one.type) for one in (layer, *chain.folded)):
            reasons.update(dict.fromkeys(names, KEPT))
            continue
        if names:
            edits.append(Edit(layer.name, "fold_batchnorm", {}, Prediction(folds=names)))
        taken.update(names)
        for name, reason in chain.skipped.items():
            reasons.setdefault(name, reason)
    others = (layer.name for layer in network.layers if layer.layer_type.is_per_channel)
    skipped = [Skipped(name, reasons.get(name, _ALONE)) for name in others if name not in taken]
    return Plan(tuple(edits), tuple(skipped))
