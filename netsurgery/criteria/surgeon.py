"""Optimal brain surgery on channels: what the next layers lose if they make do with the rest."""

from __future__ import annotations

from typing import ClassVar, List, Sequence, Tuple

import numpy as np

from netsurgery.criteria.base import ACTIVATIONS, Criterion, RemovalOrder, View
from netsurgery.criteria.registry import CRITERIA
from netsurgery.layers import MatrixProduct
from netsurgery.linalg import Moments, Reader, eliminate, ridge_for
from netsurgery.network import READS, Cut, infer_shapes

WIDEST = 3000
"""Longest row whose inverse second moments are kept up to date; wider readers are left out, and
the channels' own moments stand for them."""


@CRITERIA.register("surgeon")
class Surgeon(Criterion):
    """Takes away the channel without which the next layers, fitted anew, lose least."""

    name: ClassVar[str] = "surgeon"
    needs: ClassVar[str] = ACTIVATIONS
    source: ClassVar[str] = "Hassibi and Stork 1993; Kurtic et al. 2023 (ZipLM)"

    def prepare(self, views: Sequence[View]) -> None:
        """Gather the moments of what all readers read, in one run."""
        layers = [cut.layer for view in views for cut, _ in _products(view)[0]]
        if layers:
            views[0].require_calibrator().products(views[0].model, layers)

    def scores(self, view: View) -> np.ndarray:
        """Return the later a channel goes, the more."""
        order = self.ranking(view).order
        scores = np.full(view.group.channels, float(view.group.channels))
        scores[order] = np.arange(len(order))
        return scores

    def ranking(self, view: View) -> RemovalOrder:
        """Return the order in which channels go, and the share of the output that each costs."""
        found = eliminate(
            _readers(view),
            view.group.channels,
            locked=list(view.group.pinned),
            blocks=view.blocks,
            parts=view.group.parts,
        )
        return RemovalOrder(found.order, found.losses)


def _readers(view: View) -> List[Reader]:
    narrow, wide = _products(view)
    found: List[Reader] = []
    if narrow:
        calibrator = view.require_calibrator()
        moments = calibrator.products(view.model, [cut.layer for cut, _ in narrow])
        for cut, product in narrow:
            found += _windows(view, cut, product, moments[cut.layer.name])
    if wide:
        found.append(_channels(view))
    return found


def _products(view: View) -> Tuple[List[Tuple[Cut, MatrixProduct]], List[Cut]]:
    """The layers that read the channels, those apart whose windows are too long or not known."""
    shapes = infer_shapes(view.model.network(), weights=view.model.weights)
    narrow, wide = [], []
    for cut in view.group.members:
        blobs = view.model.blobs(cut.layer.name)
        if cut.role != READS or cut.blob != 0 or not blobs or not blobs[0].count:
            continue
        product = MatrixProduct.find(cut.layer, shapes[cut.layer.bottoms[0]])
        if product is None or product.width > WIDEST or _uneven(cut.channels):
            wide.append(cut)
        else:
            narrow.append((cut, product))
    return narrow, wide


def _windows(view: View, cut: Cut, product: MatrixProduct, moments: Moments) -> List[Reader]:
    weights, *bias = (blob.array() for blob in view.model.blobs(cut.layer.name))
    runs = np.broadcast_to(cut.channels, (product.groups, cut.channels.shape[-1]))
    found = []
    for matrix, run, seen in zip(product.matrices(weights), runs, moments.groups()):
        entries = _entries(run, product.width // len(run), view.group.channels)
        # Without a bias nothing can make up for a mean that is lost.
        gram, scale = _scaled(matrix, seen.covariance if bias else seen.second, seen.count)
        found.append(Reader(matrix, gram, entries, scale))
    return found


def _channels(view: View) -> Reader:
    """All readers as one that knows of the channels only, not of windows."""
    read = view.read().T
    seen = view.seen().moments
    gram, scale = _scaled(read, seen.second, seen.count)
    return Reader(read, gram, np.arange(view.group.channels)[:, None], scale)


def _scaled(weights: np.ndarray, gram: np.ndarray, rows: int) -> Tuple[np.ndarray, float]:
    """The Gram matrix with a ridge, and the mean square of the outputs."""
    ridge = ridge_for(len(gram), rows) * max(float(np.trace(gram)) / len(gram), 1e-30)
    scale = float(np.einsum("nd,de,ne->", weights, gram, weights, optimize=True))
    return gram + ridge * np.eye(len(gram)), max(scale, 1e-30)


def _uneven(channels: np.ndarray) -> bool:
    """Whether some channels have more entries than others that are read too."""
    counts = (np.unique(run[run >= 0], return_counts=True)[1] for run in np.atleast_2d(channels))
    return any(len(set(found.tolist())) > 1 for found in counts)


def _entries(run: np.ndarray, taps: int, channels: int) -> np.ndarray:
    """For each channel the entries of a row that belong to it; -1 for one that is not read."""
    counts = np.bincount(run[run >= 0], minlength=channels)
    found = np.full((channels, int(np.max(counts, initial=1)) * taps), -1)
    for channel in np.flatnonzero(counts):
        places = np.flatnonzero(run == channel)
        own = (places[:, None] * taps + np.arange(taps)).ravel()
        found[channel, : len(own)] = own
    return found
