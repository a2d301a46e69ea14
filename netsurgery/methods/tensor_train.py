"""An InnerProduct as a train of 1 x 1 Convolutions between Reshapes (Novikov et al. 2015).

Inputs and outputs are numbered by several digits, and every core works on one digit of each while
the others stand in for a batch. Exact in stock layers: what one convolution leaves in memory is,
under another shape, what the next one reads. With two cores, the default, it is a sum of Kronecker
products.

Caffe convolves sample by sample, and the batch grows with every core. On one thread, 1024 outputs
of 2048 inputs at rank 8 took 0.17 ms in place of 2.0 for a batch of 1, where reading the weights is
what takes time, but 11 ms in place of 4.3 for a batch of 64.
"""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.formats import Blob, Filling, LayerTemplate, LayerText, LayerWeights, quoted
from netsurgery.layers import ConvolutionLayer, Product, ScaleLayer, layer_type
from netsurgery.linalg import (
    Cost,
    Digits,
    Energies,
    Ranks,
    Tradeoff,
    balanced_digits,
    full_ranks,
    kronecker_energies,
    multiply_out_tensor_train,
    tensor_train_decomposition,
)
from netsurgery.methods.base import EXACT, Arrays, LowRankMethod
from netsurgery.methods.chain_cost import count_macs
from netsurgery.methods.coupled import coupled_layers, loaded_blobs
from netsurgery.methods.exchange import Context, Edit, Rewrite
from netsurgery.methods.orientation import oriented
from netsurgery.methods.pieces import (
    CarriedBlob,
    CarriedMultipliers,
    CarriedRules,
    parameter_names,
    refuse_taken,
    refuse_taken_parameters,
)
from netsurgery.methods.registry import METHODS
from netsurgery.network import LayerKey, Model, ReplaceLayer, SetBlobs, why_foreign

Values = Dict[str, Filling]
_MESSAGE = "inner_product_param"


class _Train(NamedTuple):
    """The sizes of a train: the digits, and the ranks of all cores with the outer ones, 1."""

    rows: Digits
    columns: Digits
    links: Sequence[int]


@METHODS.register("tensor_train")
class TensorTrainMethod(LowRankMethod):
    """Replace an InnerProduct layer by a train of small convolutions.

    A planner chooses the rank of two cores, whose loss is known exactly; more are for plans written
    by hand.

    Options of an edit: ``rank``, a number for all places between two cores or a list of one each;
    ``outputs`` and ``inputs``, the sizes of the digits, whose products are the layer's outputs and
    inputs, by default two of each that make cores of similar size; ``templates``, a folder whose
    ``tensor_train_core.prototxt``, ``..._end`` and ``..._bias`` are used.
    """

    name: ClassVar[str] = "tensor_train"
    products: ClassVar[Tuple[Product, ...]] = (Product.DENSE,)
    options: ClassVar[tuple] = ("rank", "outputs", "inputs", "templates")
    length: ClassVar[int] = 3

    def tradeoff(self, model: Model, layer: str) -> Tradeoff:
        """Return what two cores cost and lose.

        Raises:
            PlanError: The method cannot take this layer.
        """
        text, blob = _sole_layer(model, layer)
        matrix = oriented(text, blob.view())
        rows, columns = balanced_digits(*matrix.shape)
        # The bias is added by a Scale, which has a factor for each output beside it.
        extra = len(matrix) if text.parameter.inner_product_param.bias_term else 0
        units = rows[0] * columns[0], rows[1] * columns[1]

        def count() -> Optional[Cost]:
            return count_macs(model, [text], lambda one: self.sketch(model, one, (1,)), 1)

        def measure() -> Energies:
            try:
                return kronecker_energies(matrix, rows, columns)
            except ValueError as error:
                raise PlanError(str(error), layer=layer) from None

        full = full_ranks(rows, columns)
        return Tradeoff(matrix.shape, full, Cost(matrix.size, units, extra), count, measure)

    def sketch(self, model: Model, layer: LayerText, ranks: Ranks) -> bytes:
        """Return the text of a train of two cores."""
        rows, columns = balanced_digits(*oriented(layer, model.blobs(layer.name)[0].array()).shape)
        train = _Train(rows, columns, (1, *ranks, 1))
        templates = _templates(layer, _names(layer, rows), train)
        return b"".join(template.fill(layer) for template in templates)

    def rewrite(self, model: Model, edit: Edit, context: Context) -> Rewrite:
        """Return the train, with the error that it has.

        Raises:
            PlanError: The layer cannot be factored, or an option is wrong.
        """
        layer, blob = _sole_layer(model, edit.layer)
        matrix = oriented(layer, blob.view())
        rows, columns = _digits(edit, matrix.shape)
        try:
            found = tensor_train_decomposition(matrix, rows, columns, _ranks(edit, rows, columns))
        except ValueError as error:
            raise PlanError(str(error), layer=edit.layer) from None
        names, bias = _names(layer, rows), model.blobs(edit.layer)[1:]
        others = [f"{edit.layer}_tt_out", *(f"{name}_in" for name in names[: len(rows)])]
        refuse_taken(model, edit.layer, [*names, *others], "rename it")
        parameters = parameter_names(
            model, edit.layer, [f"_tt{one + 1}" for one in range(len(rows))]
        )
        refuse_taken_parameters(model, edit.layer, parameters, "rename it")
        new = [
            LayerWeights(name, ConvolutionLayer.name, (Blob.of(_as_kernel(core)),))
            for name, core in zip(names, found.cores)
        ]
        if bias:
            both = Blob.of(np.ones(len(matrix))), bias[0].reshape((len(matrix),))
            new.append(LayerWeights(names[-1], ScaleLayer.name, both))
        train = _Train(rows, columns, (1, *(core.shape[-1] for core in found.cores)))
        return Rewrite(
            edit,
            (
                ReplaceLayer(
                    LayerKey.of(layer, model.prototxt),
                    _templates(layer, names, train, edit.options.get("templates")),
                ),
                SetBlobs(edit.layer, tuple(new)),
            ),
            {edit.layer: names},
            f"{_shown(rows)} by {_shown(columns)} at rank {', '.join(map(str, train.links[1:-1]))}",
            {edit.layer: found.error},
            exact=found.error <= EXACT,
            unmoved=(edit.layer,),
        )

    def compose(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Arrays]:
        """Return the layer's blobs, with the train multiplied out for its weights."""
        whole = {}
        for name, blobs in pieces.items():
            layer, blob = _sole_layer(model, name)
            rows, columns = _digits(rewrite.edit, oriented(layer, blob.array()).shape)
            cores, before = [], 1
            for (kernel, *_), row, column in zip(blobs, rows, columns):
                core = kernel.reshape(row, len(kernel) // row, before, column)
                cores.append(core.transpose(2, 0, 3, 1))
                before = len(kernel) // row
            matrix = multiply_out_tensor_train(cores).astype(np.float32)
            stored = oriented(layer, matrix).reshape(blob.shape)
            whole[name] = [stored, *([blobs[-1][1]] if len(blobs) > len(rows) else [])]
        return whole


def _sole_layer(model: Model, name: str) -> Tuple[LayerText, Blob]:
    """Return the layer to rewrite and its weights, which no other layer may share."""
    layer, *others = coupled_layers(model, name)
    blobs = loaded_blobs(model, [name])
    parameter = layer.parameter.inner_product_param
    problem, remedy = why_foreign(layer) or "", "leave it out of the plan"
    if layer_type(layer.type).product is not Product.DENSE:
        problem = f"it is of type {layer.type}; tensor_train takes {Product.DENSE.value}"
    elif others:
        problem = "tensor_train does not take weights that layers share"
    elif (len(layer.bottoms), len(layer.tops)) != (1, 1):
        problem = "it has several bottoms or tops"
    elif len(blobs) != 1 + parameter.bias_term:
        problem = f"the weights hold {len(blobs)} blobs, not the {1 + parameter.bias_term} it needs"
    elif parameter.axis != 1:
        problem = "it sums from an axis other than 1 on"
    elif layer.version == "V1":
        problem, remedy = "V1 nets have no Reshape", "run `netsurgery upgrade` first"
    if problem:
        raise PlanError(problem, layer=name, remedy=remedy)
    return layer, blobs[0]


def _names(layer: LayerText, rows: Digits) -> Tuple[str, ...]:
    """The names of the layers that have weights: the cores, and what adds the bias."""
    ends = [f"_tt{number + 1}" for number in range(len(rows))]
    ends += ["_tt_bias"] if layer.parameter.inner_product_param.bias_term else []
    return tuple(layer.name + end for end in ends)


def _digits(edit: Edit, shape: Tuple[int, ...]) -> Tuple[Digits, Digits]:
    given = [edit.options.get(name) for name in ("outputs", "inputs")]
    if given == [None, None]:
        return balanced_digits(shape[0], shape[1])
    for name, sizes, size in zip(("outputs", "inputs"), given, shape):
        if not _are_numbers(sizes) or prod(sizes or ()) != size:
            raise PlanError(f"{name} {sizes!r} do not multiply to {size}", layer=edit.layer)
    rows, columns = (tuple(sizes or ()) for sizes in given)
    if len(rows) != len(columns) or len(rows) < 2:
        raise PlanError(
            "outputs and inputs must have the same number of digits, two or more", layer=edit.layer
        )
    return rows, columns


def _ranks(edit: Edit, rows: Digits, columns: Digits) -> Digits:
    given, most = edit.options.get("rank"), full_ranks(rows, columns)
    ranks: Any = given
    if isinstance(given, int):
        ranks = [min(given, one) for one in most]
    if (
        not _are_numbers(ranks)
        or len(ranks) != len(most)
        or any(a > b for a, b in zip(ranks, most))
    ):
        raise PlanError(
            f"rank {given!r} is not a number, or {len(most)} of them, from 1 to {list(most)}",
            layer=edit.layer,
        )
    return tuple(ranks)


def _are_numbers(found: Any) -> bool:
    return isinstance(found, (list, tuple)) and all(
        isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in found
    )


def _as_kernel(core: np.ndarray) -> np.ndarray:
    before, row, column, behind = core.shape
    return core.transpose(1, 3, 0, 2).reshape(row * behind, before * column, 1, 1)


def _shown(digits: Digits) -> str:
    return "x".join(map(str, digits))


def _templates(
    layer: LayerText, names: Sequence[str], train: _Train, folder: Any = None
) -> List[LayerTemplate]:
    rows, columns, links = train
    fields = CarriedRules(_MESSAGE, False)
    templates: List[LayerTemplate] = []
    bottom: Filling = CarriedBlob(True)
    for number, (row, column) in enumerate(zip(rows, columns)):
        values: Values = {
            "fields": fields,
            "weights_param": CarriedMultipliers(f"_tt{number + 1}", (0,)),
            "reshape": quoted(names[number] + "_in"),
            "core": quoted(names[number]),
            "bottom": bottom,
            "read": links[number] * column,
            "made": row * links[number + 1],
            "rest": prod(columns[number + 1 :]),
        }
        templates.append(LayerTemplate("tensor_train_core", values, folder))
        bottom = quoted(names[number])
    with_bias = len(names) > len(rows)
    end, top = quoted(f"{layer.name}_tt_out"), CarriedBlob(False)
    last = CarriedRules(_MESSAGE, True)
    values = {"reshape": end, "num_output": prod(rows), "bottom": bottom}
    values.update(fields=fields if with_bias else last, top=end if with_bias else top)
    templates.append(LayerTemplate("tensor_train_end", values, folder))
    if with_bias:
        values = {"name": quoted(names[-1]), "bottom": end, "top": top, "fields": last}
        values["bias_param"] = CarriedMultipliers("_tt_bias", (1,))
        templates.append(LayerTemplate("tensor_train_bias", values, folder))
    return templates
