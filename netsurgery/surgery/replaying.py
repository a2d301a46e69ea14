"""What surgery did, done again to another text of the net, such as its ``train_val.prototxt``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, FrozenSet, Mapping, Optional, Tuple

from netsurgery.errors import PlanError
from netsurgery.formats import Prototxt, upgrade_net
from netsurgery.layers import layer_type
from netsurgery.network import (
    CheckedModel,
    LayerEdit,
    Model,
    infer_shapes,
    replay_edits,
    troubles_of,
)
from netsurgery.surgery.record import Surgery


@dataclass(frozen=True)
class Replayed:
    """Another text of a net, rewritten as the net itself was.

    Attributes:
        before: The text as it was given.
        prototxt: The text that loads the new weights.
        absent: The names of the rewritten layers that the text is without.
    """

    before: Prototxt
    prototxt: Prototxt
    absent: Tuple[str, ...] = ()


def replay(surgery: Surgery, prototxt: Prototxt) -> Replayed:
    """Rewrite another text of the net as surgery rewrote the net: it then loads the new weights.

    What that text alone says stays: learning rates, fillers and rules of inclusion go over to the
    layers that come, and data and loss layers keep their bytes.

    Args:
        surgery: What was done.
        prototxt: The other text, ``train_val.prototxt`` for example.

    Raises:
        PlanError: A layer is of another type there, or the new weights would not fit: something
            in that text alone reads what has changed.
        FormatError: The version of that text has no words for the layers that come.
    """
    text = upgrade_net(prototxt).prototxt if prototxt.version == "V0" else prototxt
    start = text
    absent: Dict[str, None] = {}
    for step in surgery.steps:
        edits = step.rewrite.edits
        for edit in edits:
            if isinstance(edit, LayerEdit):
                _require_same_type(edit, step.before.prototxt, text)
        text, missing = replay_edits(text, edits)
        absent.update(dict.fromkeys(key.name for key in missing))
    shapes = _input_shapes(surgery.original)
    old = Model(start, surgery.original.weights, shapes)
    new = Model(text, surgery.model.weights, shapes)
    for phase in ("TRAIN", "TEST"):
        if old.network_and_problems(phase)[1]:
            continue  # It is for the other phase alone: this one's data layer is elsewhere.
        before = _troubles(old, phase)
        for layer, problem in sorted(_troubles(new, phase) - before, key=str):
            raise PlanError(
                f"would not take the new weights in phase {phase}: {problem}",
                file=prototxt.file,
                layer=layer,
                remedy="leave the layers that it reads out of the plan",
            )
    return Replayed(prototxt, text, tuple(absent))


def _require_same_type(edit: LayerEdit, before: Prototxt, other: Prototxt) -> None:
    own = edit.layer.find(before)
    for layer in edit.layer.counterparts(other):
        if layer_type(layer.type).stock_name != layer_type(own.type).stock_name:
            raise PlanError(
                f"is of type {layer.type} here, and {own.type} in the net that was rewritten",
                file=other.file,
                layer=layer.name,
                remedy="give the text that the net was trained by",
            )


def _input_shapes(model: Model) -> Mapping[str, Tuple[int, ...]]:
    """What the net is fed, so that the other text's data layers are known to make the same."""
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    found = {value.blob: shapes[value] for value in network.inputs}
    return {blob: shape for blob, shape in found.items() if shape is not None}


def _troubles(model: Model, phase: str) -> FrozenSet[Tuple[Optional[str], str]]:
    own = {blob for text in model.prototxt.layers for blob in text.tops}
    own.update(blob for blob, _ in model.prototxt.inputs)
    known = {blob: shape for blob, shape in model.input_shapes.items() if blob in own}
    checked = CheckedModel(replace(model, input_shapes=known), phase)
    return frozenset((finding.layer, finding.problem) for finding in troubles_of(checked))
