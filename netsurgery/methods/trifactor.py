"""A convolution as 1 x 1, k x k, 1 x 1, its channels in groups that its neighbours speak for too.

Matrix tri-factorisation (Wang, Li and Ding 2008; Zitnik and Zupan 2015): the taps of the kernel
are G_n S G_c^T, where G_c gathers the channels that it reads into groups, not negative, and G_n
spreads groups to the channels that it makes. The weights that make the former and read the latter
have a say in the groups, as in pruning by `trifactor`; those of `tucker`, of any sign, lose less of
the kernel.
"""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    ClassVar,
    List,
    Mapping,
    NamedTuple,
    Tuple,
)

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.formats import LayerText
from netsurgery.layers import layer_type
from netsurgery.linalg import (
    Cost,
    Energies,
    FactoredRelation,
    KernelChain,
    Ranks,
    kept_energies,
    multiply_out_chain,
    squared_norm,
    tri_factorise,
    units_as_taps,
)
from netsurgery.methods.chain import ChainTask, Found
from netsurgery.methods.convolution import ConvolutionChain
from netsurgery.methods.exchange import Context, Edit
from netsurgery.methods.neighbours import ALONE, INPUTS, OUTPUTS, neighbours
from netsurgery.methods.registry import METHODS
from netsurgery.network import Model

SWEEPS = 60
SAMPLES = (0.125, 0.25, 0.5, 0.75)
"""Ranks, as shares of the full ones, that are fitted to tell what all ranks lose."""


class _Groups(NamedTuple):
    """A kernel in factors: ``outputs @ cores[tap] @ inputs.T`` for each tap.

    Groups that are not negative are often nearly one, and what large cores make of that in float32
    would be noise: these are orthonormal vectors of what the groups span, with the same product.

    Attributes:
        inputs: Shape (c, s).
        cores: Shape (taps, r, s).
        outputs: Shape (n, r).
    """

    inputs: np.ndarray
    cores: np.ndarray
    outputs: np.ndarray


@METHODS.register("trifactor")
class TriFactorisation(ConvolutionChain):
    """Replace a convolution by one between groups of channels, with a 1 x 1 before and behind it.

    ``rank`` is a list of two: the groups that the first layer makes, and the second. What they lose
    has no closed form: some are fitted, the others read off in between.
    """

    name: ClassVar[str] = "trifactor"
    options: ClassVar[tuple] = ("rank", "suffixes", "templates")
    length: ClassVar[int] = 3
    template: ClassVar[str] = "tucker_convolution"
    chain: ClassVar[KernelChain] = KernelChain(3, 1, 1)

    def form(self, layer: LayerText) -> Tuple[Any, ...]:
        """Return what the layer's weights must be.

        Raises:
            PlanError: It has groups, or convolves several blobs.
        """
        groups = layer_type(layer.type).groups(layer.parameter.convolution_param)
        if groups != 1:
            problem = f"it has {groups} groups; {self.name} takes layers without"
            raise PlanError(problem, layer=layer.name, remedy="leave it out of the plan")
        return super().form(layer)

    def needs_only_its_layer(self, model: Model, edit: Edit, context: Context) -> bool:
        """Its neighbours have a say."""
        return False

    def weights_at(self, layer: LayerText, weights: np.ndarray) -> Tuple[Ranks, Cost]:
        """Return as many groups as channels, and the number of weights."""
        outputs, inputs = weights.shape[:2]
        return (inputs, outputs), self.chain.weights(weights.shape)

    def energies(self, layer: LayerText, weights: np.ndarray) -> Energies:
        """Return what ranks lose: what a Tucker decomposition does, times what some lose more."""
        taps = self.chain.unfold(weights)
        kept = kept_energies(taps)
        tucker = np.maximum(1 - kept / kept[-1, -1], 0) if kept[-1, -1] else np.zeros_like(kept)
        full = np.array(kept.shape)
        shares, factors = [0.0], [1.0]
        for share in SAMPLES:
            ranks = np.maximum(1, np.rint(share * full)).astype(int)
            least = tucker[tuple(ranks - 1)]
            if (ranks < full).all() and least > 0:
                shares.append(share)
                factors.append(max(_lost(weights, self.chain, tuple(ranks.tolist())) / least, 1.0))
        places = (np.arange(1, size + 1) / size for size in kept.shape)
        at = np.sqrt(np.multiply.outer(*places))
        lost = np.minimum(tucker * np.interp(at, shares, factors), 1.0)
        return Energies((), np.minimum.accumulate(np.minimum.accumulate(lost, 0), 1))

    def fit(self, layer: LayerText, weights: np.ndarray) -> Callable[[Ranks], float]:
        """Return what tells the loss of ranks, by factoring the kernel without its neighbours."""
        return lambda ranks: _lost(weights, self.chain, ranks)

    def factor(self, task: ChainTask) -> Found:
        """Factor the kernel, its neighbours having a say."""
        sizes = {OUTPUTS: task.weights.shape[0], INPUTS: task.weights.shape[1]}
        spoken = neighbours(task.model, task.layer.name, sizes)
        kernels = _kernels(task.weights, self.chain, task.ranks, spoken)
        made = self.multiply(task.layer, kernels)
        norm = float(np.sqrt(squared_norm(task.weights)))
        away = float(np.linalg.norm(task.weights.astype(np.float64) - made))
        return Found(kernels, away / norm if norm else 0.0)


def _lost(weights: np.ndarray, chain: KernelChain, ranks: Ranks) -> float:
    """The share of ``||W||^2`` that is lost where no neighbour has a say."""
    norm = squared_norm(weights)
    made = multiply_out_chain(_kernels(weights, chain, ranks, {}), 1)
    return float(np.sum(np.square(weights - made, dtype=np.float64))) / norm if norm else 0.0


def _kernels(
    weights: np.ndarray, chain: KernelChain, ranks: Ranks, spoken: Mapping[int, FactoredRelation]
) -> List[np.ndarray]:
    """The kernels of the three layers, float32."""
    found = _groups(chain.unfold(weights).transpose(1, 0, 2), ranks, spoken)
    factors = (found.inputs.T, found.cores.transpose(1, 0, 2), found.outputs)
    return chain.fold(factors, weights.shape)


def _groups(taps: np.ndarray, ranks: Ranks, spoken: Mapping[int, FactoredRelation]) -> _Groups:
    """Factor taps, shape (taps, n, c); channels of which each is a group of its own are not."""
    _, n, c = taps.shape
    few, many = ranks[0] < c, ranks[1] < n
    inputs, outputs = np.eye(c), np.eye(n)
    if not few and not many:
        return _Groups(inputs, taps, outputs)
    own = units_as_taps(taps, not many, not few)
    sides = OUTPUTS if many else ALONE, INPUTS if few else ALONE
    relations = [FactoredRelation(*sides, own)]
    relations += [spoken[side] for side in sides if side in spoken]
    found = tri_factorise(relations, {INPUTS: ranks[0], OUTPUTS: ranks[1], ALONE: 1}, sweeps=SWEEPS)
    if few:
        inputs = np.linalg.qr(found.factors[INPUTS])[0]
    if many:
        outputs = np.linalg.qr(found.factors[OUTPUTS])[0]
    return _Groups(inputs, outputs.T @ taps @ inputs, outputs)
