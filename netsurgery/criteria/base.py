"""What a criterion is: it looks at a group of channels and says which to keep.

A criterion is one file in this room with a class registered under its name. Other packages add
theirs through the entry point ``netsurgery.criteria``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, List, NamedTuple, Optional, Sequence, Union

import numpy as np

from netsurgery.calibration import Calibrator, ChannelObserver
from netsurgery.errors import PlanError, Remedy
from netsurgery.linalg import Parts, keep_best
from netsurgery.network import MAKES, READS, ChannelGroup, Model, Thinning

WEIGHTS, ACTIVATIONS, GRADIENTS = "weights", "activations", "gradients"


@dataclass(frozen=True, eq=False)
class View:
    """A group of channels, and what a criterion may look at to judge them.

    Attributes:
        net: The model, or what is left of it where layers before the group are thinned already.
        group: The group as it now is.
        calibrator: Runs inputs; None without any.
        seed: For what is random.
    """

    net: Union[Model, Thinning]
    group: ChannelGroup
    calibrator: Optional[Calibrator] = None
    seed: int = 0

    @property
    def model(self) -> Model:
        """The model; layers before the group may be thinned already."""
        return self.net if isinstance(self.net, Model) else self.net.model

    def made(self, dtype: Optional[type] = np.float64) -> np.ndarray:
        """Return the weights that make each channel, shape (channels, n).

        Weights of several layers that make the same channels stand side by side, so that Gram
        matrices add up. A bias is left out, as in Lu et al. 2017.

        Args:
            dtype: Of what is returned; None for that of the weights, which of a single layer
                need not be copied.
        """
        return self._weights(MAKES, "nothing that is known makes its channels", dtype)

    def read(self, dtype: Optional[type] = np.float64) -> np.ndarray:
        """Return the weights that read each channel, shape (channels, m).

        Args:
            dtype: As in `made`.
        """
        return self._weights(READS, "nothing that is known reads its channels", dtype)

    def seen(self) -> ChannelObserver:
        """Return what the channels hold where other layers read them.

        Raises:
            PlanError: There are no inputs.
        """
        return self.require_calibrator().channels(self.model, [self.group])[self.group.name]

    def require_calibrator(self) -> Calibrator:
        """Return the statistics.

        Raises:
            PlanError: There are none.
        """
        if self.calibrator is None:
            raise PlanError(
                "this criterion looks at activations, and there are no inputs",
                layer=self.group.name,
                remedy=Remedy("give some with {}", "calibrate"),
            )
        return self.calibrator

    @property
    def blocks(self) -> Optional[List[List[int]]]:
        """Blocks of channels that must keep as many each, or None.

        Raises:
            PlanError: They are not of equal length, which no criterion can handle.
        """
        cells = _refined(self.group)
        if len(cells) < 2:
            return None
        if len({len(cell) for cell in cells}) > 1:
            raise PlanError(
                "convolutions in groups divide its channels unevenly",
                layer=self.group.name,
                remedy="choose its channels by hand, in a plan",
            )
        return cells

    def _weights(self, role: str, problem: str, dtype: Optional[type]) -> np.ndarray:
        channels, found = self.group.channels, []
        for cut in self.group.members:
            blobs = self.net.blobs(cut.layer.name)
            if cut.role != role or cut.blob != 0 or not blobs or not blobs[0].count:
                continue
            array = blobs[0].array()
            array = array.reshape(array.shape[-cut.axes :] if cut.axes <= array.ndim else (-1,))
            runs = np.atleast_2d(cut.channels)
            parts = np.split(array, len(runs)) if len(runs) > 1 else [array]
            for part, run in zip(parts, runs):
                found.append(_by_channel(np.moveaxis(part, cut.axis, 0), run, channels))
        if not found:
            raise PlanError(problem, layer=self.group.name)
        whole = np.concatenate(found, axis=1) if len(found) > 1 else found[0]
        return whole if dtype is None else whole.astype(dtype, copy=False)


class RemovalOrder(NamedTuple):
    """Channels in the order in which they go.

    Attributes:
        order: The channels that may go, the first to go first.
        losses: What each costs then; comparable between groups.
    """

    order: np.ndarray
    losses: np.ndarray


def within_parts(ranking: RemovalOrder, view: View) -> RemovalOrder:
    """Return a ranking without the channels that would leave a part of a Slice empty.

    Raises:
        PlanError: Blocks of channels are not of equal length.
    """
    if not view.group.parts:
        return ranking
    order = _in_turn(ranking.order, view)
    losses = dict(zip(ranking.order.tolist(), ranking.losses.tolist()))
    return RemovalOrder(order, np.array([losses[channel] for channel in order.tolist()], float))


class Criterion(ABC):
    """Base of every criterion.

    Attributes:
        name: What users call it.
        needs: ``"weights"``, ``"activations"`` (inputs) or ``"gradients"`` (inputs with labels, and
            real Caffe).
        source: Author and year.
    """

    name: ClassVar[str]
    needs: ClassVar[str]
    source: ClassVar[str]

    def prepare(self, views: Sequence[View]) -> None:
        """Gather what it will look at in groups of one model, in one run for all of them."""
        calibrator = views[0].calibrator if views else None
        if calibrator is None or self.needs == WEIGHTS:
            return
        gather = calibrator.channels if self.needs == ACTIVATIONS else calibrator.gradients
        gather(views[0].model, [view.group for view in views])

    @abstractmethod
    def scores(self, view: View) -> np.ndarray:
        """Return how much each channel matters, shape (channels,): the higher, the sooner kept.

        Raises:
            PlanError: What it looks at is not there.
        """

    def ranking(self, view: View) -> RemovalOrder:
        """Return the order in which channels go, with losses that compare between groups.

        The scores of a group are divided by their Euclidean length (Molchanov et al. 2017). Where
        blocks of channels must keep as many each, they lose one in turn.

        Raises:
            PlanError: What it looks at is not there.
        """
        scores = self.scores(view).astype(np.float64)
        length = np.linalg.norm(scores)
        order = _in_turn(np.argsort(scores, kind="stable"), view)
        return RemovalOrder(order, scores[order] / length if length else scores[order])

    def choose(self, view: View, keep: int, multiple: int = 1) -> np.ndarray:
        """Return the channels to keep, rising.

        Args:
            view: The group.
            keep: How many; rounded to what blocks and ``multiple`` allow.
            multiple: Of what the number is to be a multiple.

        Raises:
            PlanError: The choice cannot be made.
        """
        try:
            return keep_best(
                self.scores(view),
                keep,
                blocks=view.blocks,
                multiple=multiple,
                locked=list(view.group.pinned),
                parts=view.group.parts,
            )
        except ValueError as error:
            raise PlanError(str(error), layer=view.group.name) from None


def _by_channel(array: np.ndarray, of_entry: np.ndarray, channels: int) -> np.ndarray:
    """Bring entries along axis 0 together by channel; what a channel lacks is zero."""
    flat = array.reshape(len(array), -1)
    if np.array_equal(of_entry, np.arange(channels)):
        return flat
    counts = np.bincount(of_entry[of_entry >= 0], minlength=channels)
    rows = np.zeros((channels, int(np.max(counts, initial=0)), flat.shape[1]), flat.dtype)
    turn = np.zeros(channels, int)
    for entry, channel in enumerate(of_entry):
        if channel >= 0:
            rows[channel, turn[channel]] = flat[entry]
            turn[channel] += 1
    return rows.reshape(channels, -1)


def _refined(group: ChannelGroup) -> List[List[int]]:
    """The finest blocks: channels that stand as often in every row of every balanced matrix.

    Rows are of equal length; so where each block keeps as many, each row does.
    """
    rows = [row for rows in group.balanced for row in rows]
    counts = [np.bincount(row, minlength=group.channels) for row in rows]
    keys = np.array(counts, int).reshape(len(rows), group.channels).T
    _, cell = np.unique(keys, axis=0, return_inverse=True)
    cell = cell.ravel()
    return [
        np.flatnonzero(cell == number).tolist()
        for number in range(int(np.max(cell, initial=-1)) + 1)
    ]


def _in_turn(order: np.ndarray, view: View) -> np.ndarray:
    """The channels that may go, in their order; of blocks, first the lowest of each, then the next.

    The last channel of a part never goes.
    """
    group, parts = view.group, Parts(view.group.channels, view.group.parts)
    free = [channel for channel in order.tolist() if channel not in group.pinned]
    blocks = [set(block) for block in view.blocks or [list(range(group.channels))]]
    waiting = [iter([channel for channel in free if channel in block]) for block in blocks]
    alive = np.ones(group.channels, bool)
    found: List[int] = []
    while True:
        turn: List[int] = []
        for queue in waiting:
            last = parts.last(alive)
            going = next((channel for channel in queue if not last[channel]), None)
            if going is None:
                return np.array(found, int)
            alive[going] = False
            turn.append(going)
        found += turn
