"""Checks of ``param``: shared blobs and their learning rates."""

from __future__ import annotations

from typing import Any, Iterator, Optional

from netsurgery.layers import Layer, Shape, count, show
from netsurgery.network.doctor.checked_model import CheckedModel, Finding, about, check
from netsurgery.network.sharing import SharedParameter


@check
def too_many_params(checked: CheckedModel) -> Iterator[Finding]:
    """More ``param`` than blobs."""
    for layer in checked.network.layers:
        blobs, params = checked.blobs(layer), len(layer.parameter.param)
        if blobs is not None and params > len(blobs):
            problem = f"has {params} param, but {len(blobs)} blobs"
            yield about(layer, "error", problem, "remove the last ones")


@check
def shared_shapes(checked: CheckedModel) -> Iterator[Finding]:
    """Shared blobs that are not shaped alike."""
    for group in checked.network.shared_parameters:
        owner, wanted = group.owner[0], _shape(checked, *group.owner)
        for layer, index in group.members[1:]:
            shape = _shape(checked, layer, index)
            if shape is None or wanted is None or _may_share(layer, index, shape, wanted):
                continue
            problem = (
                f"shares {group.name!r} with layer {owner.name!r}, but as {show(shape)} "
                f"and not {show(wanted)}"
            )
            yield about(layer, "error", problem, "give it a blob of its own")


def _shape(checked: CheckedModel, layer: Layer, index: int) -> Optional[Shape]:
    blobs = checked.blobs(layer)
    return blobs[index] if blobs is not None and index < len(blobs) else None


def _may_share(layer: Layer, index: int, shape: Shape, wanted: Shape) -> bool:
    param = layer.parameter.param[index]
    if param.share_mode == param.PERMISSIVE:
        return count(shape) == count(wanted)
    return shape == wanted


@check
def shared_rates(checked: CheckedModel) -> Iterator[Finding]:
    """Shared blobs whose learning rates or decays contradict each other."""
    for group in checked.network.shared_parameters:
        for field in ("lr_mult", "decay_mult"):
            yield from _contradictions(group, field)


def _contradictions(group: SharedParameter, field: str) -> Iterator[Finding]:
    first: Any = None
    for layer, index in group.members:
        param = layer.parameter.param[index]
        if not param.HasField(field):
            continue
        value = getattr(param, field)
        first = value if first is None else first
        if value != first:
            problem = f"shares {group.name!r} with {field} {value:g}, where {first:g} was said"
            yield about(layer, "error", problem, "say the same, or say it once")
