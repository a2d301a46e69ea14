"""BatchNorm, Scale and Bias folded into the layer beside them, which then does their work.

In a trained net a BatchNorm multiplies and shifts every channel by numbers that are known, and so
do Scale and Bias. A Convolution, Deconvolution or InnerProduct before them makes its outputs at
once that big if its own weights and bias are (Ioffe and Szegedy 2015, section 3.1, where the net
is frozen); and one behind them reads them so, if nothing is padded in between. Exact.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Dict, Iterable, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.formats import Blob, LayerWeights
from netsurgery.layers import Product, shifted
from netsurgery.methods.base import ROUNDING, Arrays, Method
from netsurgery.methods.exchange import Context, Edit, Origin, Rewrite
from netsurgery.methods.fold_chains import FoldChain, composed, find_chain, shapes_of
from netsurgery.methods.fold_product import FoldProduct
from netsurgery.methods.registry import METHODS
from netsurgery.network import (
    LayerEdit,
    LayerKey,
    Model,
    Network,
    RemoveBlobs,
    RemoveLayer,
    SetBlobs,
    SetFields,
    Value,
    edit_text,
)

_NOTHING = 1e-30
"""A factor of which nothing is left in float32 when weights are multiplied by it."""

_ROUNDING = 1e-6
"""Share of the largest bias that float32 loses of one: it is rounded twice, and so are weights."""


@METHODS.register("fold_batchnorm")
class FoldBatchNorm(Method):
    """Fold all BatchNorm, Scale and Bias layers beside a layer into its weights and bias.

    The layer keeps its name and takes the bottom of the first and the top of the last of them. It
    has no options. An edit folds what stands beside the layer then, as far as that is exact.
    """

    name: ClassVar[str] = "fold_batchnorm"
    cause: ClassVar[str] = ROUNDING
    products: ClassVar[Tuple[Product, ...]] = tuple(Product)
    options: ClassVar[tuple] = ()

    def rewrite(self, model: Model, edit: Edit, context: Context) -> Rewrite:
        """Return the layer with what it takes up, and nothing in the place of the others.

        Raises:
            PlanError: Nothing beside the layer can be folded; the text says why.
        """
        network = model.network()
        chain, product = _require_chain(model, network, edit.layer)
        assert model.weights is not None
        weights, bias = _fold(chain, product)
        first, *more = model.blobs(edit.layer)
        blobs = [first.filled(weights)]
        if bias is not None:
            blobs.append(more[0].filled(bias) if more else Blob.of(bias))
        gone = tuple(dict.fromkeys(layer.name for layer in chain.folded))
        edits = _text_edits(model, chain, product, bias is not None)
        kind = model.weights.find(edit.layer)[-1].type
        return Rewrite(
            edit,
            (
                *edits,
                SetBlobs(edit.layer, (LayerWeights(edit.layer, kind, tuple(blobs)),)),
                *(RemoveBlobs(name) for name in gone),
            ),
            {edit.layer: (edit.layer,), **dict.fromkeys(gone, ())},
            f"with {', '.join(gone)}",
            {edit.layer: 0.0},
            _origins(model, network, chain, edits),
            exact=True,
            unmoved=(edit.layer, *gone),
        )

    def compose(
        self, model: Model, rewrite: Rewrite, pieces: Mapping[str, Sequence[Arrays]]
    ) -> Mapping[str, Arrays]:
        """Return the layer's blobs with what it took up divided out, and those of the others.

        A channel that is multiplied by zero keeps the weights it had. A bias that the layer has
        no blob for, or that was changed since, is added where the folded layers add theirs.
        """
        name = rewrite.edit.layer
        chain, product = _require_chain(model, model.network(), name)
        ((weights, *bias),) = pieces[name]
        whole = {layer.name: _arrays(model, layer.name) for layer in chain.folded}
        original, missing = _unfold(chain, product, weights, bias[0] if bias else None)
        return {**whole, **_with_bias(model, chain, product, original, missing)}


def _require_chain(model: Model, network: Network, name: str) -> Tuple[FoldChain, FoldProduct]:
    found = [layer for layer in network.find(name) if layer.layer_type.product]
    if not found:
        known = ", ".join(product.value for product in Product)
        raise PlanError(
            f"there is no layer of that name and of type {known}",
            file=model.prototxt.file,
            layer=name,
        )
    chain = find_chain(model, network, found[0], shapes_of(network))
    if chain.product is None or not chain.folded:
        why = "; ".join(f"{other}: {reason}" for other, reason in chain.skipped.items())
        raise PlanError(
            why or "there is no BatchNorm, Scale or Bias beside it",
            file=model.prototxt.file,
            layer=name,
            remedy="leave it out of the plan",
        )
    return chain, chain.product


def _fold(chain: FoldChain, product: FoldProduct) -> Tuple[np.ndarray, Optional[np.ndarray]]:
    """The layer's weights, and its bias or None where there is none to have."""
    tensor = _tensor(product, chain, product.weights.array(np.float64))
    gain, shift = _gain(chain, product), _shift(chain, product, tensor, product.bias)
    with_bias = product.bias is not None or shift.any()
    return product.stored(tensor * gain), shift if with_bias else None


def _unfold(
    chain: FoldChain, product: FoldProduct, weights: np.ndarray, bias: Optional[np.ndarray]
) -> Tuple[np.ndarray, np.ndarray]:
    """The weights before they were multiplied, and what the bias then lacks behind the chain.

    Where that is no more than rounding, it is zero.
    """
    before = _tensor(product, chain, product.weights.array(np.float64))
    now = _tensor(product, chain, weights.astype(np.float64))
    original = product.stored(_divided(now, _gain(chain, product), before)).astype(np.float32)
    tensor = _tensor(product, chain, original.astype(np.float64))
    there = _shift(chain, product, tensor, product.bias)
    missing = (0.0 if bias is None else bias.reshape(-1)) - there
    return original, np.where(np.abs(missing) > _ROUNDING * np.abs(there).max(), missing, 0.0)


def _with_bias(
    model: Model, chain: FoldChain, product: FoldProduct, weights: np.ndarray, missing: np.ndarray
) -> Dict[str, Arrays]:
    """The layer's blobs and those of one that it took up, which add ``missing`` besides."""
    name = product.layer.name
    bias = [] if product.bias is None else [product.bias]
    if not missing.any():
        return {name: [weights, *bias]}
    for place in reversed(range(len(chain.behind))):
        if chain.behind[place].shift_blob is not None:
            step = chain.behind[place]
            later = composed(chain.behind[place + 1 :], product.outputs.channels)[0]
            add = _divided(missing, later, np.zeros(1))
            return {
                name: [weights, *bias],
                step.layer.name: shifted(step, model.blobs(step.layer.name), add),
            }
    if product.bias is None:
        raise PlanError(
            "its bias came from the layers folded into it, which have no place for another one, "
            "and its weights were changed since",
            layer=name,
            remedy="leave either its fold or the other edits of it out of the plan",
        )
    scale = composed(chain.behind, product.outputs.channels)[0]
    return {name: [weights, product.bias + _divided(missing, scale, np.zeros(1))]}


def _divided(array: np.ndarray, factors: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """``array / factors``, and ``otherwise`` where the factors leave nothing of it."""
    lost = np.abs(factors) < _NOTHING
    return np.where(lost, otherwise, array / np.where(lost, 1.0, factors))


def _tensor(product: FoldProduct, chain: FoldChain, array: np.ndarray) -> np.ndarray:
    return product.tensor(array, product.inputs().channels if chain.before else None)


def _gain(chain: FoldChain, product: FoldProduct) -> np.ndarray:
    """The factor of every weight, to be broadcast to the product's tensor."""
    made = composed(chain.behind, product.outputs.channels)[0]
    gain = made.reshape(product.groups, -1, 1, 1)
    if chain.before:
        read = composed(chain.before, product.inputs().channels)[0]
        gain = gain * read.reshape(product.groups, 1, -1, 1)
    return gain


def _shift(
    chain: FoldChain, product: FoldProduct, tensor: np.ndarray, bias: Optional[np.ndarray]
) -> np.ndarray:
    """What the whole chain adds to each output, with these weights and this bias."""
    channels = product.outputs.channels
    shift = np.zeros(channels) if bias is None else bias
    if chain.before:
        read = composed(chain.before, product.inputs().channels)[1]
        each = tensor * read.reshape(product.groups, 1, -1, 1)
        shift = shift + each.sum(axis=(2, 3)).reshape(-1)
    scale, more = composed(chain.behind, channels)
    return shift * scale + more


def _arrays(model: Model, name: str) -> Arrays:
    return [blob.array() for blob in model.blobs(name)]


def _text_edits(
    model: Model, chain: FoldChain, product: FoldProduct, with_bias: bool
) -> Tuple[LayerEdit, ...]:
    layer = product.layer
    gains_bias = with_bias and product.bias is None
    bottoms = _blobs(chain.before[0].layer.bottoms) if chain.before else None
    tops = _blobs(chain.behind[-1].layer.tops) if chain.behind else None
    own = SetFields(
        LayerKey.of(layer.text, model.prototxt),
        {f"{product.message}.bias_term": True} if gains_bias else {},
        None if bottoms == _blobs(layer.bottoms) else bottoms,
        None if tops == _blobs(layer.tops) else tops,
    )
    gone = [RemoveLayer(LayerKey.of(one.text, model.prototxt)) for one in chain.folded]
    return (own, *gone)


def _blobs(values: Iterable[Value]) -> Tuple[str, ...]:
    return tuple(value.blob for value in values)


def _origins(
    model: Model, network: Network, chain: FoldChain, edits: Sequence[LayerEdit]
) -> Dict[Value, Origin]:
    """Where the values were that now have another number, as layers that made versions are gone."""
    after = replace(model, prototxt=edit_text(model.prototxt, edits)).network()
    gone = {layer.text.index for layer in chain.folded}
    staying = [layer for layer in network.layers if layer.text.index not in gone]
    made = {layer.text.index: layer.tops for layer in staying}
    if chain.behind:
        assert chain.product is not None
        made[chain.product.layer.text.index] = chain.behind[-1].layer.tops
    return {
        now: Origin(then)
        for new, old in zip(after.layers, staying)
        for now, then in zip(new.tops, made[old.text.index])
        if now != then
    }
