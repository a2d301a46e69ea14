"""What chains of kernels let pass of real rows, for many ranks at once.

The last layer of a chain is taken to be fitted to the rows: what counts is what those before it let
pass. Nothing is multiplied out for that: rows are unfolded as the kernel is.
"""

from __future__ import annotations

from collections import ChainMap
from typing import Dict, Iterator, List, Sequence, Tuple

import numpy as np

from netsurgery.linalg.kernel_chain import KernelChain
from netsurgery.linalg.nested import explained
from netsurgery.linalg.svd import truncated_svd
from netsurgery.linalg.threads import in_parallel
from netsurgery.linalg.tradeoff import Ranks
from netsurgery.linalg.tucker import higher_order_svd


def kept_by_chains(
    kernel: np.ndarray, chain: KernelChain, rows: np.ndarray, ranks: Sequence[Ranks]
) -> np.ndarray:
    """Return the share of what a kernel makes of rows that is left behind chains of given ranks.

    With two cuts the first layers are those of the higher-order SVD, which serves all ranks; the
    iteration that a chain is made with afterwards keeps about as much or more.

    Args:
        kernel: Shape (n, c, *window).
        chain: Which layers.
        rows: Windows of the input, or others of the same second moment, shape (k, c * taps).
        ranks: One for each cut, of every chain.

    Returns:
        Shape (number of chains,).
    """
    made = (rows @ kernel.reshape(len(kernel), -1).T.astype(rows.dtype)).T.astype(np.float64)
    unfolded = chain.unfold(rows.reshape(-1, *kernel.shape[1:]))
    passing = _by_one_cut if chain.layers == 2 else _by_two_cuts
    by_first: Dict[Ranks, List[Ranks]] = {}
    for one in sorted(set(ranks)):
        by_first.setdefault(one[:-1], []).append(one)
    most = {firsts: max(one[-1] for one in those) for firsts, those in by_first.items()}

    def keep(what: Tuple[Ranks, np.ndarray, int]) -> Dict[Ranks, float]:
        firsts, passed, taps = what
        kept = explained(made, passed)
        return {one: float(kept[one[-1] * taps - 1]) for one in by_first[firsts]}

    work = 2.0 * len(rows) * sum(last * (last + len(made)) for last in most.values())
    what_passes = passing(chain.unfold(kernel), unfolded, len(rows), most)
    found = dict(ChainMap(*in_parallel(keep, what_passes, work)))
    return np.array([found[one] for one in ranks])


Passing = Iterator[Tuple[Ranks, np.ndarray, int]]
"""For ranks of all cuts but the last: what passes, shape (rank of the last * taps, k), and taps."""


def _by_one_cut(
    tensor: np.ndarray, rows: np.ndarray, count: int, most: Dict[Ranks, int]
) -> Passing:
    """Each tap of the last layer reads the channels of the first at a place of its own."""
    rank = most[()]
    right = truncated_svd(tensor, rank).right.astype(rows.dtype)
    passed = (rows @ right.T).reshape(count, -1, rank)
    yield (), passed.transpose(2, 1, 0).reshape(-1, count), passed.shape[1]


def _by_two_cuts(
    tensor: np.ndarray, rows: np.ndarray, count: int, most: Dict[Ranks, int]
) -> Passing:
    """What more channels of the first layer let pass is added to what fewer do."""
    whole = higher_order_svd(tensor)
    core = whole.core.astype(rows.dtype)
    turned = rows @ whole.inputs.astype(rows.dtype)
    passed = np.zeros((len(core), count), rows.dtype)
    done = 0
    for firsts in sorted(most):
        more = slice(done, firsts[0])
        passed += np.tensordot(core[:, :, more], turned[:, :, more], ((1, 2), (1, 2)))
        done = firsts[0]
        yield firsts, passed[: most[firsts]].copy(), 1  # more is added while others look at it
