"""What a compression did, what it saved, the proof, and what is left of the net."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Mapping, Optional

from netsurgery.jobs.rewritten import REWRITTEN
from netsurgery.methods import ROUNDING, method
from netsurgery.network import Totals, foreign_to
from netsurgery.planning import MAX_LOSS, Asked, Plan, asked_of_net
from netsurgery.progress import Timing
from netsurgery.quality import Quality, unjudged
from netsurgery.surgery import Surgery
from netsurgery.verification import LayerError, Verification, Written
from netsurgery.version import __version__


@dataclass(frozen=True)
class Compression:
    """What was done, what it saved, the proof, and what is left of the net.

    Two verdicts: whether the pair is as planned (`reasons` is empty), and how good it still is
    (`quality`). Truthy where the command line leaves with exit status 0: unless the proof failed,
    an output is lost that ``accept_loss`` did not give up, or one is beyond a limit of the user.
    What could not be proved or judged does not count against it.

    Attributes:
        surgery: The rewritten model and its steps.
        plan: The plan that was carried out.
        inputs: Name and sha256 of the original's files.
        files: The written prototxt, weights, text for training if there is one, and report.
        layers: Predicted and measured error of each rewritten layer's weights.
        costs: What original and written pair cost.
        sizes: Bytes of the weights files of both.
        written: What reading the pair back showed.
        equality: The twin against the written pair: must agree to float noise.
        effect: The original against the written pair: what it costs.
        unproven: Why nothing was run, or None.
        cautions: What makes the verdict on quality doubtful, besides what the outputs show.
        timings: Where the time went; not in the record.
    """

    surgery: Surgery
    plan: Plan
    inputs: Mapping[str, Mapping[str, str]]
    files: tuple[Path, ...]
    layers: tuple[LayerError, ...]
    costs: tuple[Totals, Totals]
    sizes: tuple[int, int]
    written: Written
    equality: Optional[Verification]
    effect: Optional[Verification]
    unproven: Optional[str]
    cautions: tuple[str, ...] = ()
    timings: Optional[Timing] = field(default=None, compare=False, repr=False)

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What was asked of the net and its layers, beside what the written pair reaches."""
        expected = self.plan.expected
        whole, left = (
            {**costs, "macs": cost.macs, "params": cost.params, "bytes": size}
            for costs, cost, size in zip((expected.whole, expected.left), self.costs, self.sizes)
        )
        layers = (one for one in self.plan.asked if one.layer is not None or one.what == MAX_LOSS)
        return (*asked_of_net(expected.budget, whole, left), *layers)

    @property
    def unknown_fields(self) -> tuple[str, ...]:
        """The fields of the original that no rule here knows, each with its layer."""
        return tuple(map(str, foreign_to(self.surgery.original.network())))

    @property
    def explanation(self) -> str:
        """What explains the difference from the original, in the words of what was done."""
        causes = dict.fromkeys(method(one.rewrite.edit.method).cause for one in self.surgery.steps)
        if len(causes) > 1:
            causes.pop(ROUNDING, None)
        *others, last = causes or [ROUNDING]
        return f"{', '.join(others)} and {last}" if others else last

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the pair is not what was planned; empty when it is, or nothing was run."""
        found = list(self.written.reasons)
        found += [
            f"layer {layer.layer!r}: its weights are {layer.measured:.2e} away from the original, "
            f"of which {layer.predicted or 0:.2e} are explained by {self.explanation}"
            + (f", and its other blobs {layer.others:.2e}" if layer.others else "")
            for layer in self.layers
            if not layer.explained
        ]
        gone = () if self.effect is None else self.effect.lost_outputs
        if self.equality is not None:
            found += [
                f"not explained by {self.explanation}: {why}"
                for why in self.equality.reasons
                if why not in gone
            ]
        return (*found, *gone)

    @property
    def quality(self) -> Quality:
        """What is left of the net: good, degraded, lost or unjudged."""
        if self.effect is None:
            return unjudged(self.unproven or "nothing was run").warned(*self.cautions)
        return self.effect.quality.warned(*self.cautions)

    @property
    def failures(self) -> tuple[str, ...]:
        """All that is to be mended: why the proof failed, what is lost, limits that are broken."""
        effect = () if self.effect is None else self.effect.reasons
        return tuple(dict.fromkeys((*self.reasons, *effect)))

    def __bool__(self) -> bool:
        return not self.failures

    def to_dict(self, name: Callable[[str], str] = "`{}`".format) -> dict[str, Any]:
        """Return everything as plain data, as it stands in ``netsurgery.json``.

        Args:
            name: Names an argument of the library, in what there is to do.
        """
        before, after = self.costs
        return {
            "versions": versions(),
            "inputs": {kind: dict(facts) for kind, facts in self.inputs.items()},
            "files": [path.name for path in self.files[:-1]],
            "notes": list(self.surgery.notes),
            "plan": self.plan.to_dict(),
            "asked": [one.to_dict() for one in self.asked],
            "layers": [vars(layer) for layer in self.layers],
            REWRITTEN: list(self.surgery.rewritten),
            "before": {**before._asdict(), "bytes": self.sizes[0]},
            "after": {**after._asdict(), "bytes": self.sizes[1]},
            "proof": {
                "passed": not self.reasons and self.unproven is None,
                "unproven": self.unproven,
                "reasons": list(self.reasons),
                "unknown_fields": list(self.unknown_fields),
                "written": self.written.to_dict(),
                "equality": None if self.equality is None else self.equality.to_dict(),
                "effect": None if self.effect is None else self.effect.to_dict(name),
            },
            "quality": self.quality.to_dict(name),
        }


def versions() -> dict[str, str]:
    """Return what the numbers may depend on; the engine's version stands with its results."""
    from importlib.metadata import version

    own = {"netsurgery": __version__, "python": platform.python_version()}
    return {**own, **{name: version(name) for name in ("numpy", "scipy", "protobuf")}}
