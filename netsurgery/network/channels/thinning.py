"""Cut channels out of a model: its text and its weights; and put what is left back."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Dict, Iterable, List, Mapping, Sequence, Tuple

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.formats import Blob, Held, LayerWeights
from netsurgery.layers import READS, KeptAxis, Value
from netsurgery.network.channels.choice import Masks, read_choice
from netsurgery.network.channels.groups import ChannelGroup, Cut
from netsurgery.network.edits import LayerKey, SetBlobs, SetFields, edit_text
from netsurgery.network.model import Model

Keep = Mapping[str, Sequence[int]]
Arrays = Sequence[np.ndarray]
CutsOfBlobs = Dict[str, Dict[int, List[Tuple[Cut, np.ndarray]]]]
Change = Callable[[np.ndarray, Sequence[Tuple[Cut, np.ndarray]]], np.ndarray]


def thin_model(model: Model, groups: Iterable[ChannelGroup], keep: Keep) -> Model:
    """Return the model without the channels that are not kept.

    The layers keep their names: prototxt and weights change together, and stock Caffe loads the
    pair. Only old weights do not fit the new prototxt.

    Args:
        model: The network, with or without weights.
        groups: Its groups of channels.
        keep: For the name of each group that is cut, the channels that stay.

    Raises:
        PlanError: A choice cannot be carried out: a channel that must stay, unequal counts, ...
        NetworkError: The weights do not fit the prototxt, or the net is in the oldest layout.
    """
    if model.prototxt.version == "V0":
        raise NetworkError(
            "a net in Caffe's oldest layout (V0) cannot be thinned",
            file=model.prototxt.file,
            remedy="run `netsurgery upgrade` first",
        )
    groups = list(groups)
    edits = thin_edits(model, groups, keep)
    thinned = _change_blobs(model, groups, read_choice(groups, keep), _take)
    return replace(thinned, prototxt=edit_text(model.prototxt, edits))


def thin_edits(model: Model, groups: Iterable[ChannelGroup], keep: Keep) -> Tuple[SetFields, ...]:
    """Return what `thin_model` changes in the text.

    Raises:
        PlanError: As `thin_model`.
    """
    groups = list(groups)
    kept = kept_values(groups, read_choice(groups, keep))
    changes = [
        (layer.text, layer.layer_type.thinned(layer, kept)) for layer in model.network().layers
    ]
    return tuple(
        SetFields(LayerKey.of(text, model.prototxt), fields)
        for text, fields in changes
        if fields and text.edited(fields=fields) != text.text
    )


def masked(model: Model, groups: Iterable[ChannelGroup], keep: Keep) -> Model:
    """Return the same network with zeros where removed channels are read.

    It computes what the thinned one computes, but for channels that change their neighbours
    (``ChannelGroup.approximate``).

    Raises:
        PlanError: As `thin_model`.
    """
    groups = list(groups)
    return _change_blobs(model, groups, read_choice(groups, keep), _zero)


def put_back(
    blobs: Callable[[str], Sequence[Blob]],
    groups: Iterable[ChannelGroup],
    keep: Keep,
    thinned: Mapping[str, Arrays],
) -> Dict[str, List[np.ndarray]]:
    """Return blobs for the whole network with which it computes what a thinned one does.

    Args:
        blobs: Returns those that a layer had before the network was thinned.
        groups: Its groups of channels.
        keep: What was kept.
        thinned: For layers of the thinned network, their blobs, which may have other numbers than
            those that were cut out.

    Raises:
        PlanError: As `thin_model`.
        NetworkError: The blobs do not fit.
    """
    groups = list(groups)
    cuts = _cuts_of_blobs(groups, read_choice(groups, keep))
    found = {}
    for name, small in thinned.items():
        of_layer = cuts.get(name, {})
        found[name] = [
            _put(blobs(name)[index], of_layer[index], array) if index in of_layer else array
            for index, array in enumerate(small)
        ]
    return found


def _put(blob: Blob, cuts: Sequence[Tuple[Cut, np.ndarray]], small: np.ndarray) -> np.ndarray:
    """A blob with new numbers where something stays, and zeros where nothing is read any more."""
    shape = _own_axes(blob.shape, cuts)
    whole = _zero(blob.array().reshape(shape), cuts)
    index = _staying(shape, cuts)
    whole[index] = small.reshape(whole[index].shape)
    return whole.reshape(blob.shape)


def kept_values(groups: Sequence[ChannelGroup], masks: Masks) -> Dict[Value, KeptAxis]:
    """Return what stays of the values that lose something."""
    kept: Dict[Value, KeptAxis] = {}
    for group in groups:
        for cut in group.values if group.name in masks else ():
            mask = staying(cut.channels, masks[group.name])
            if cut.value in kept:
                mask = mask & kept[cut.value].mask
            kept[cut.value] = KeptAxis(cut.axis, cut.axes, mask)
    return {value: one for value, one in kept.items() if not one.mask.all()}


def staying(channels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return for each entry whether it stays; what belongs to other groups does.

    Args:
        channels: The channel of each entry, -1 for other groups.
        mask: Which channels of the group stay.
    """
    return np.append(mask, True)[channels]  # channel -1 is the last


def cut_layers(
    group: ChannelGroup, mask: np.ndarray, layers: Callable[[str], Sequence[LayerWeights]]
) -> Tuple[SetBlobs, ...]:
    """Return what is left of the weights of all layers that have a part of a group.

    Args:
        group: The group.
        mask: Which of its channels stay.
        layers: Returns all layers of a name in the weights.

    Raises:
        NetworkError: The weights do not fit the prototxt.
    """
    return tuple(
        SetBlobs(name, tuple(_changed(layer, cuts, _take) for layer in layers(name)))
        for name, cuts in _cuts_of_blobs([group], {group.name: mask}).items()
        if layers(name)
    )


def _change_blobs(
    model: Model, groups: Sequence[ChannelGroup], masks: Masks, change: Change
) -> Model:
    """Change every blob that has a part in the choice."""
    if model.weights is None:
        return model
    changes = {
        name: [_changed(layer, blobs, change) for layer in model.weights.find(name)]
        for name, blobs in _cuts_of_blobs(groups, masks).items()
        if name in model.weights
    }
    return replace(model, weights=model.weights.replace(changes))


def _cuts_of_blobs(groups: Sequence[ChannelGroup], masks: Masks) -> CutsOfBlobs:
    found: CutsOfBlobs = {}
    for group in groups:
        for cut in group.members if group.name in masks else ():
            mask = staying(cut.channels, masks[group.name])
            found.setdefault(cut.layer.name, {}).setdefault(cut.blob, []).append((cut, mask))
    return found


def _changed(
    layer: LayerWeights, found: Mapping[int, Sequence[Tuple[Cut, np.ndarray]]], change: Change
) -> LayerWeights:
    blobs = [
        _changed_blob(blob, found[index], change) if index in found and blob.count else blob
        for index, blob in enumerate(layer.blobs)
    ]
    return LayerWeights(layer.name, layer.type, tuple(blobs))


def _changed_blob(blob: Blob, cuts: Sequence[Tuple[Cut, np.ndarray]], change: Change) -> Blob:
    storage = "float64" if blob.storage == "float64" else "float32"
    after = _changed_array(blob, cuts, blob.array(storage), change)
    if blob.legacy:
        # A Caffe as old as the file knows no other shapes.
        made = Blob(after.shape, Held(np.ascontiguousarray(after)), legacy=True)
    else:
        made = Blob.of(after, storage=storage)
    if blob.mask is None or change is not _take:
        return made.with_mask(blob.mask)
    return made.with_mask(_changed_array(blob, cuts, blob.mask, change))


def _changed_array(
    blob: Blob, cuts: Sequence[Tuple[Cut, np.ndarray]], array: np.ndarray, change: Change
) -> np.ndarray:
    """Change an array under the axes that Caffe gives a blob, and put back the 1s of a fork."""
    after = change(array.reshape(_own_axes(blob.shape, cuts)), cuts)
    if blob.legacy:
        return after.reshape((1,) * (4 - after.ndim) + after.shape)
    if len(blob.shape) > cuts[0][0].axes:
        sizes = iter(after.shape)
        after = after.reshape([next(sizes) if size != 1 else 1 for size in blob.shape])
    return after


def _own_axes(shape: Tuple[int, ...], cuts: Sequence[Tuple[Cut, np.ndarray]]) -> Tuple[int, ...]:
    """The shape without the 1s that are too many; it must fit the cuts.

    Raises:
        NetworkError: It does not.
    """
    axes = cuts[0][0].axes
    own = shape[len(shape) - axes :] if len(shape) >= axes else ()
    if not _fits(own, cuts):
        own = tuple(size for size in shape if size != 1)
    if not _fits(own, cuts):
        raise NetworkError(
            f"blob {cuts[0][0].blob} has shape {shape}, which the prototxt does not ask for",
            layer=cuts[0][0].layer.name,
            remedy="prototxt and weights do not belong together; see `netsurgery doctor`",
        )
    return own


def _fits(shape: Tuple[int, ...], cuts: Sequence[Tuple[Cut, np.ndarray]]) -> bool:
    return len(shape) == cuts[0][0].axes and all(
        shape[cut.axis] == mask.shape[-1] for cut, mask in cuts
    )


def _take(array: np.ndarray, cuts: Sequence[Tuple[Cut, np.ndarray]]) -> np.ndarray:
    if any(mask.ndim == 2 for _, mask in cuts):
        return array[_staying(array.shape, cuts)]
    stays: Dict[int, np.ndarray] = {}
    for cut, mask in cuts:
        stays[cut.axis] = stays.get(cut.axis, True) & mask
    for axis, mask in stays.items():
        array = array if mask.all() else np.compress(mask, array, axis)
    return array


def _staying(shape: Sequence[int], cuts: Sequence[Tuple[Cut, np.ndarray]]) -> Tuple:
    """An index of all that stays."""
    stays = {axis: np.ones(size, bool) for axis, size in enumerate(shape)}
    for cut, mask in cuts:
        stays[cut.axis] = stays[cut.axis] & mask
    runs = stays.get(1)
    if runs is None or runs.ndim == 1:
        return np.ix_(*(np.flatnonzero(mask) for mask in stays.values()))
    rows = np.flatnonzero(stays[0])
    columns = np.stack([np.flatnonzero(run) for run in runs])
    return rows[:, None], columns[rows // (len(stays[0]) // len(runs))]


def _zero(array: np.ndarray, cuts: Sequence[Tuple[Cut, np.ndarray]]) -> np.ndarray:
    array = array.copy()
    for cut, mask in cuts:
        if cut.role != READS:
            continue
        for part, stays in zip(
            np.array_split(array, len(np.atleast_2d(mask))), np.atleast_2d(mask)
        ):
            np.moveaxis(part, cut.axis, 0)[~stays] = 0
    return array
