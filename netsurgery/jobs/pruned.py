"""What came of pruning a net: its masks, what was written, and what is left of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from netsurgery.jobs.compressed import versions
from netsurgery.jobs.training_requests import tuning_facts
from netsurgery.network import Masks, ParameterKey, Totals, sparsity_of
from netsurgery.planning import Skipped
from netsurgery.progress import Timing
from netsurgery.pruning import LayerSparsity, LoopRound, layer_sparsities
from netsurgery.quality import Quality
from netsurgery.training import Tuned
from netsurgery.verification import Verification, Written

_ROUNDING = 1e-3
"""What shares in float64 are off at most, in weights."""


@dataclass(frozen=True)
class Pruned:
    """A net that was pruned. Truthy where the files are what was meant and no limit is broken.

    Attributes:
        inputs: Name and sha256 of the files of the net before.
        files: The written prototxt, weights, masks and record.
        method: What said which weights go.
        schedule: When they went.
        sparsity: The share of the weights that was to become zero; None where channels went.
        keys: The weights that could.
        masks: Which weights are free.
        written: What reading the files back showed.
        faults: What the read weights show against their masks and the original, a line each.
        costs: MACs and parameters before and after.
        effect: The net before against the pruned one; None where nothing could be run.
        unproven: Why nothing was run.
        tuned: The last tuning; None where nothing was tuned.
        rounds: What came of each round of pruning and tuning, where there were some.
        whole: Where channels went, the groups of which none could go, and why.
        notes: What the method did not look at, a line each.
        timings: Where the time went; not in the record.
    """

    inputs: Mapping[str, Mapping[str, str]]
    files: Tuple[Path, ...]
    method: str
    schedule: str
    sparsity: Optional[float]
    keys: Tuple[ParameterKey, ...]
    masks: Masks
    written: Written
    faults: Tuple[str, ...]
    costs: Tuple[Totals, Totals]
    effect: Optional[Verification]
    unproven: Optional[str] = None
    tuned: Optional[Tuned] = None
    rounds: Tuple[LoopRound, ...] = ()
    whole: Tuple[Skipped, ...] = ()
    notes: Tuple[str, ...] = ()
    timings: Optional[Timing] = field(default=None, compare=False, repr=False)

    @property
    def layers(self) -> Tuple[LayerSparsity, ...]:
        """How many weights each layer has left."""
        return layer_sparsities(self.masks)

    @property
    def reached(self) -> float:
        """The share of the weights that could become zero which is."""
        return sparsity_of(self._chosen)

    @property
    def is_off(self) -> bool:
        """Whether that is another share than is asked for, by more than rounding in each layer."""
        if self.sparsity is None:
            return False
        weights = sum(mask.size for mask in self._chosen.values())
        return abs(self.reached - self.sparsity) * weights > 0.5 * len(self.keys) + _ROUNDING

    @property
    def _chosen(self) -> Masks:
        return {key: self.masks[key] for key in self.keys}

    @property
    def quality(self) -> Optional[Quality]:
        """What the pruned net is worth beside the one before; None where nothing was run."""
        return None if self.effect is None else self.effect.quality

    @property
    def failures(self) -> Tuple[str, ...]:
        """Why the files are not what was meant, and the limits of the user that are not kept."""
        missed = () if self.effect is None else self.effect.missed
        return (*self.written.reasons, *self.faults, *missed)

    def __bool__(self) -> bool:
        return not self.failures

    def to_dict(self, name: Callable[[str], str] = "`{}`".format) -> Dict[str, Any]:
        """Return everything as plain data, as it stands in ``netsurgery.json``.

        Args:
            name: Names an argument of the library, in what there is to do.
        """
        effect, quality = self.effect, self.quality
        return {
            "versions": versions(),
            "inputs": {kind: dict(facts) for kind, facts in self.inputs.items()},
            "files": [path.name for path in self.files[:-1]],
            "method": self.method,
            "schedule": self.schedule,
            "sparsity": self.sparsity and {"asked": self.sparsity, "reached": self.reached},
            "costs": {
                when: {"macs": one.macs, "params": one.params}
                for when, one in zip(("before", "after"), self.costs)
            },
            "layers": [
                {"layer": one.layer, "weights": one.weights, "left": one.left}
                for one in self.layers
            ],
            "written": self.written.to_dict(),
            "reasons": list(self.failures),
            "effect": None if effect is None else effect.to_dict(name),
            "quality": None if quality is None else quality.to_dict(name),
            "unproven": self.unproven,
            "tuning": None if self.tuned is None else tuning_facts(self.tuned),
            "rounds": [one.to_dict() for one in self.rounds],
            "notes": list(self.notes),
            "left": [{"layer": one.layer, "reason": one.reason} for one in self.whole],
        }
