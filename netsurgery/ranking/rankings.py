"""Rank the channels of a model by criteria, and hold the criteria against an oracle."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

import numpy as np

from netsurgery.calibration import Calibrator, judged_by
from netsurgery.criteria import (
    ACTIVATIONS,
    GRADIENTS,
    WEIGHTS,
    View,
    criterion,
    l2_normalised,
    macs_of_channels,
    with_flops,
)
from netsurgery.errors import PlanError, Remedy
from netsurgery.measurements import open_store
from netsurgery.network import ChannelGroup, Model, channel_groups, known_costs, require_fit
from netsurgery.progress import Progress, Timing
from netsurgery.ranking.correlation import Correlation, correlate
from netsurgery.ranking.oracle import Oracle, measure_oracle

Scores = Mapping[str, np.ndarray]
EXAMPLES = "changes of examples, measured"
OTHER_HALF = "oracle, half against half"


@dataclass(frozen=True, eq=False)
class Ranking:
    """Scores of all channels that can be removed.

    Attributes:
        groups: The groups of channels that have some to remove.
        scores: For each criterion and group an array of shape (channels,): the higher, the sooner
            kept.
        comparable: The same, made comparable between groups.
        oracle: What the loss does without each channel; None if nobody asked.
        judged_by: What the loss holds the outputs against; None where no loss was computed.
        timings: Where the time went, where a job made it.
    """

    groups: Tuple[ChannelGroup, ...]
    scores: Mapping[str, Scores]
    comparable: Mapping[str, Scores]
    oracle: Optional[Oracle] = None
    judged_by: Optional[str] = None
    timings: Optional[Timing] = field(default=None, compare=False, repr=False)

    def order(self, name: str) -> List[Tuple[str, int]]:
        """Return (group, channel) of all that can be removed, the one to remove first in front.

        Args:
            name: A criterion.

        Raises:
            PlanError: Nobody ranked by it.
        """
        if name not in self.comparable:
            raise PlanError(
                f"nothing is ranked by {name!r} here", remedy=f"it is by {', '.join(self.scores)}"
            )
        scores = self.comparable[name]
        found = [(scores[g.name][c], g.name, c) for g in self.groups for c in g.free.tolist()]
        return [(group, channel) for _, group, channel in sorted(found, key=lambda one: one[0])]

    def correlations(self) -> Dict[str, Correlation]:
        """Return how well each criterion predicts the oracle: the change of the mean loss.

        Two rows say what can be had. One has the magnitudes of the changes of each example's loss,
        measured, in place of a criterion's scores: as well as one can do that looks at examples one
        by one. With two batches or more another has the oracle on half of them against the other
        half: as well as any can do on so few inputs.

        Raises:
            ValueError: There is no oracle.
        """
        oracle = self._require_oracle()
        truth = oracle.magnitudes
        found = {name: self._correlate(scores, truth) for name, scores in self.scores.items()}
        found[EXAMPLES] = self._correlate(oracle.examples, truth)
        halves = [{name: np.abs(h[side]) for name, h in oracle.halves.items()} for side in (0, 1)]
        if all(np.isfinite(halves[1][group.name][group.free]).all() for group in self.groups):
            found[OTHER_HALF] = self._correlate(halves[0], halves[1])
        return found

    def correlations_of_examples(self) -> Dict[str, Correlation]:
        """Return how well each criterion predicts how far the loss of each example moves.

        Raises:
            ValueError: There is no oracle.
        """
        truth = self._require_oracle().examples
        return {name: self._correlate(scores, truth) for name, scores in self.scores.items()}

    def _require_oracle(self) -> Oracle:
        if self.oracle is None:
            raise ValueError("there is no oracle to correlate with")
        return self.oracle

    def _correlate(self, scores: Scores, truth: Scores) -> Correlation:
        return correlate(scores, truth, {group.name: group.free for group in self.groups})

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data."""
        data: Dict[str, Any] = {
            "labels": self.judged_by,
            "groups": [
                {
                    "name": group.name,
                    "channels": group.channels,
                    "free": group.free.tolist(),
                    "scores": {n: scores[group.name].tolist() for n, scores in self.scores.items()},
                }
                for group in self.groups
            ],
            "order": {name: self.order(name) for name in self.scores},
        }
        if self.oracle is not None:
            data["oracle"] = {
                "loss": self.oracle.loss,
                "inputs": self.oracle.samples,
                "changes": {name: array.tolist() for name, array in self.oracle.changes.items()},
                "examples": {name: array.tolist() for name, array in self.oracle.examples.items()},
            }
            tables = {
                "spearman": self.correlations(),
                "spearman_of_examples": self.correlations_of_examples(),
            }
            data.update(
                (k, {n: vars(one) for n, one in table.items()}) for k, table in tables.items()
            )
        return data


def rank(
    model: Model,
    criteria: Sequence[str],
    calibrator: Optional[Calibrator] = None,
    *,
    oracle: bool = False,
    notes: Optional[Path] = None,
    flops: float = 0.0,
    seed: int = 0,
    progress: Optional[Progress] = None,
) -> Ranking:
    """Rank all channels that can be removed.

    Args:
        model: The model.
        criteria: Names of criteria.
        calibrator: Runs inputs; not needed for criteria that look at weights alone.
        oracle: Also remove each channel alone and see what becomes of the loss.
        notes: A file that keeps what the oracle has measured, so that an interrupted run goes on.
        flops: What one percent of the net's MACs is worth in the order over all layers
            (Molchanov et al. 2017, FLOPs regularisation).
        seed: For what is random.
        progress: Told each step.

    Raises:
        PlanError: There is no such criterion, no inputs that it needs, nothing to rank, or no
            loss.
        EngineError: There is no engine that can do it.
        NetworkError: Prototxt and weights do not belong together, or `flops` are asked for and
            what layers compute is not known.
    """
    require_fit(model)
    if flops:
        known_costs(model)
    chosen = {name: criterion(name) for name in dict.fromkeys(criteria)}
    needs = {one.needs for one in chosen.values()}
    if calibrator is None:
        _require_nothing([name for name, one in chosen.items() if one.needs != WEIGHTS], oracle)
    groups = [group for group in channel_groups(model) if len(group.free)]
    if not groups:
        raise PlanError(
            "no channel of this net can be removed",
            file=model.prototxt.file,
            remedy="`netsurgery channels` says why",
        )
    if calibrator is not None:
        _run_once(model, groups, calibrator, needs)
    scores: Dict[str, Scores] = {
        name: {g.name: one.scores(View(model, g, calibrator, seed)) for g in groups}
        for name, one in chosen.items()
    }
    found = labels = None
    if calibrator is not None and (oracle or GRADIENTS in needs):
        labels = judged_by(model, calibrator.inputs, calibrator.task_output)
    if calibrator is not None and oracle:
        found = measure_oracle(model, groups, calibrator, open_store(notes), progress)
    return Ranking(tuple(groups), scores, _comparable(model, groups, scores, flops), found, labels)


def _require_nothing(needing: Sequence[str], oracle: bool) -> None:
    """Refuse to go on without inputs where some are needed."""
    names = [*needing, *(["the oracle"] if oracle else [])]
    if names:
        raise PlanError(
            f"{' and '.join(names)} cannot do without inputs",
            remedy=Remedy("give some with {}", "calibrate"),
        )


def _run_once(
    model: Model, groups: Sequence[ChannelGroup], calibrator: Calibrator, needs: Set[str]
) -> None:
    """Learn what criteria will ask for of all groups at once, not of one after the other."""
    if ACTIVATIONS in needs:
        calibrator.channels(model, groups)
    if GRADIENTS in needs:
        calibrator.gradients(model, groups)


def _comparable(
    model: Model, groups: Sequence[ChannelGroup], scores: Mapping[str, Scores], flops: float
) -> Dict[str, Scores]:
    found: Dict[str, Scores] = {name: l2_normalised(one) for name, one in scores.items()}
    if flops:
        macs = macs_of_channels(model, groups)
        found = {name: with_flops(one, macs, flops) for name, one in found.items()}
    return found
