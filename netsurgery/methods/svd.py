"""Truncated SVD of InnerProduct layers: one big layer becomes two thin ones.

``W (outputs x inputs) = U diag(s) V^T``, cut after ``rank`` terms, is stored as a first layer
of ``rank`` outputs without bias and a second one with the original's outputs and bias. From
Xue et al. 2013 (restructuring of acoustic models); for detectors Girshick 2015, Fast R-CNN,
section 3.1, whose ``compress_net.py`` gave the layers their names.
"""

from __future__ import annotations

from typing import ClassVar, Mapping, Optional, Sequence

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.formats.prototxt import LayerText
from netsurgery.formats.template import quoted, render
from netsurgery.formats.upgrade import downgrade_layers
from netsurgery.formats.weights import Blob, LayerWeights
from netsurgery.linalg import svd
from netsurgery.methods import METHODS
from netsurgery.methods.base import Arrays, Context, Edit, LowRank, Rewrite
from netsurgery.methods.coupled import coupled_layers, loaded_blobs
from netsurgery.methods.pair import Names, carried_fields, carried_parameters, new_names
from netsurgery.network.model import Model

_MESSAGE = "inner_product_param"
_SHAPE_FIELDS = ("num_output", "bias_term", "axis", "transpose")


@METHODS.register("svd")
class TruncatedSVD(LowRank):
    """Replace an InnerProduct layer by a pair of them around its leading singular vectors.

    Options of an edit: ``rank``; ``split``, ``"first"`` (the first layer takes the singular
    values, as compress_net.py does) or ``"sqrt"`` (half and half); ``suffixes``, the endings
    of the two names; ``templates``, a folder whose ``inner_product_pair.prototxt`` is used.
    """

    name: ClassVar[str] = "svd"
    layer_types: ClassVar[tuple] = ("InnerProduct",)
    options: ClassVar[tuple] = ("rank", "split", "suffixes", "templates")

    def coupled(self, model: Model, layer: str) -> tuple[str, ...]:
        """Return the names of all layers that are rewritten with ``layer``, itself included."""
        return tuple(dict.fromkeys(other.name for other in _group(model, layer)))

    def matrix(self, model: Model, layer: str) -> np.ndarray:
        """Return the layer's weights as (num_output, inputs), whatever way they are stored.

        Raises:
            PlanError: The layer is no InnerProduct, or its weights do not fit it.
        """
        group = _group(model, layer)
        blobs = loaded_blobs(model, [other.name for other in group])
        return _oriented(group[0], _checked(group[0], blobs)[0].array())

    def rewrite(self, model: Model, edit: Edit, context: Context) -> Rewrite:
        """Return the pair that stands in for the layer, and for all that share its weights.

        Raises:
            PlanError: The layer cannot be factored, or an option is wrong.
        """
        group = _group(model, edit.layer)
        factors = _factor(edit, self.matrix(model, edit.layer))
        names = {layer.name: new_names(model, edit, layer.name) for layer in group}
        first, second = Blob.of(factors.right), Blob.of(factors.left)
        weights = {
            name: (
                LayerWeights(pair.first, "InnerProduct", (first,)),
                LayerWeights(pair.second, "InnerProduct", (second, *_bias(model, name))),
            )
            for name, pair in names.items()
            if model.blobs(name)
        }
        rank, folder = len(factors.right), edit.options.get("templates")
        texts = {layer.index: _pair_text(layer, names[layer.name], rank, folder) for layer in group}
        pieces = {name: (pair.first, pair.second) for name, pair in names.items()}
        errors = dict.fromkeys(pieces, factors.error)
        return Rewrite(edit, texts, weights, pieces, f"rank {rank}", errors)

    def compose(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Arrays]:
        """Return each original layer's blobs, with the pair multiplied out for its weights."""
        whole = {}
        for name, ((right,), (left, *bias)) in pieces.items():
            whole[name] = [_oriented(_group(model, name)[0], left @ right), *bias]
        return whole


def _group(model: Model, name: str) -> tuple[LayerText, ...]:
    """Return the layers to rewrite together; all must be alike."""
    group = coupled_layers(model, name)
    for layer in group:
        if layer.type != "InnerProduct":
            raise PlanError(
                f"it is of type {layer.type}; svd takes InnerProduct"
                if layer.name == name
                else f"it shares its weights with {layer.name!r}, which is of type {layer.type}",
                file=model.prototxt.file,
                layer=name,
                remedy="leave it out of the plan",
            )
        if _form(layer) != _form(group[0]):
            raise PlanError(
                f"it shares its weights with {layer.name!r}, which uses them in another form "
                "(num_output or transpose differ)",
                file=model.prototxt.file,
                layer=name,
                remedy="leave it out of the plan",
            )
    return group


def _form(layer: LayerText) -> tuple[int, bool]:
    parameter = layer.parameter.inner_product_param
    return parameter.num_output, parameter.transpose


def _checked(layer: LayerText, blobs: Sequence[Blob]) -> Sequence[Blob]:
    """Return ``blobs`` if they are what Caffe wants for the layer."""
    parameter = layer.parameter.inner_product_param
    wanted = 2 if parameter.bias_term else 1
    if len(blobs) != wanted:
        masks = " (masks of a pruning fork?)" if len(blobs) == 2 * wanted else ""
        raise PlanError(
            f"the weights hold {len(blobs)} blobs{masks}, the prototxt asks for {wanted}",
            layer=layer.name,
            remedy="see `netsurgery doctor`",
        )
    shape = blobs[0].shape
    outputs = shape[-1 if parameter.transpose else -2] if len(shape) > 1 else None
    if outputs != parameter.num_output or any(size != 1 for size in shape[:-2]):
        raise PlanError(
            f"its weights have shape {shape}, the prototxt says num_output: {parameter.num_output}",
            layer=layer.name,
            remedy="prototxt and weights do not belong together; see `netsurgery doctor`",
        )
    return blobs


def _bias(model: Model, name: str) -> Sequence[Blob]:
    """Return the layer's bias, if it has one, as a row: old files store it with four axes."""
    return [blob.reshape((blob.count,)) for blob in model.blobs(name)[1:]]


def _oriented(layer: LayerText, array: np.ndarray) -> np.ndarray:
    """Turn weights as stored into (outputs, inputs), or back."""
    matrix = array.reshape(array.shape[-2:])
    return matrix.T if layer.parameter.inner_product_param.transpose else matrix


def _factor(edit: Edit, matrix: np.ndarray) -> svd.LowRank:
    rank, full = edit.options.get("rank"), min(matrix.shape)
    if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= full:
        raise PlanError(f"rank {rank!r} is not a whole number from 1 to {full}", layer=edit.layer)
    try:
        return svd.truncated_svd(matrix, rank, split=edit.options.get("split", "first"))
    except ValueError as error:
        raise PlanError(str(error), layer=edit.layer) from None


def _pair_text(layer: LayerText, names: Names, rank: int, folder: Optional[str]) -> bytes:
    parameter = layer.parameter.inner_product_param
    axis = parameter.axis
    # Behind the first layer the inputs are one axis, the last: a negative axis is -1 there.
    second_axis = axis if axis >= 0 else -1
    values = {
        "first": quoted(names.first),
        "second": quoted(names.second),
        "bottom": quoted(layer.bottoms[0]),
        "middle": quoted(names.first),
        "top": quoted(layer.tops[0]),
        "rank": rank,
        "num_output": parameter.num_output,
        "first_fields": carried_fields(layer, _MESSAGE, names, second=False),
        "second_fields": carried_fields(layer, _MESSAGE, names, second=True),
        "first_parameters": _axis(axis)
        + carried_parameters(layer, _MESSAGE, (*_SHAPE_FIELDS, "bias_filler")),
        "second_parameters": ("" if parameter.bias_term else "    bias_term: false\n")
        + _axis(second_axis)
        + carried_parameters(layer, _MESSAGE, _SHAPE_FIELDS),
    }
    text = render("inner_product_pair", values, folder)
    return downgrade_layers(text) if layer.version == "V1" else text


def _axis(axis: int) -> str:
    return "" if axis == 1 else f"    axis: {axis}\n"
