"""What can be asked of pruning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

from netsurgery.jobs.training_requests import TrainingRequest

NET = "net"
"""The scope in which weights of all layers are held against each other."""


@dataclass(frozen=True)
class PruneRequest(TrainingRequest):
    """Which weights of a net become zero, how the others are tuned, and how that is judged.

    With inputs in `calibrate` the weights that stay are tuned: by their labels, by a teacher, or
    where there is neither by what the net itself answers before it is pruned.

    Attributes:
        sparsity: Share of the weights that become zero.
        saliency: What says how much each weight matters; see `netsurgery.saliency`. Magnitude if
            None.
        pattern: What goes together: ``"weights"``, ``"kernels"``, ``"rows"``, ``"columns"`` or N:M.
        scope: Whether the least weights of the whole net go, ``"net"``, or those of each layer,
            ``"layer"``; of the whole net if None.
        layers: Only these: names, globs over names, or types.
        keep: Not these.
        schedule: When they go: ``"once"``; in ``"rounds"``, with a tuning after each; more and more
            while the net is tuned, ``"cubic"``; the same, but what turns out to matter comes back,
            ``"dynamic"``; all of them again and again, and all may grow in between,
            ``"projected"``. Cubic if None, where the net is tuned and the saliency looks at weights
            alone.
        rounds: How many rounds; 3 if None.
        factor_rank: Of saliencies that factor the weights: the share of units that is their rank.
        tune: Tune what stays. Without, inputs only tell the saliency what the net computes.
        macs: In place of a sparsity: channels go until this share of the net's MACs is left, some
            at a time, with a tuning after each. `saliency` then names a criterion of channels,
            ``"taylor"`` if None, and the net is physically thinner in every round.
        remove: How many channels go in a round; 16 if None.
        images: How many inputs rank them; 256 if None.
        flops_regularization: Channels count for so much less for each million operations that go
            with them; Molchanov et al. 2017 give 1e-3.
        max_error: Largest relative error of an output that passes, against the net before.
        min_agreement: Smallest share of inputs that keep their top-1 class (or detections); with
            labels, one minus the accuracy that may be lost.
    """

    sparsity: Optional[float] = None
    saliency: Optional[str] = None
    pattern: str = "weights"
    scope: Optional[str] = None
    layers: Sequence[str] = ()
    keep: Sequence[str] = ()
    schedule: Optional[str] = None
    rounds: Optional[int] = None
    factor_rank: Optional[float] = None
    tune: bool = True
    macs: Optional[float] = None
    remove: Optional[int] = None
    images: Optional[int] = None
    flops_regularization: float = 0.0
    max_error: Optional[float] = None
    min_agreement: Optional[float] = None

    recipes = "prune"
