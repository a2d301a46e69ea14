"""The whole walk in one: apply a plan, write the pair, read it back and prove it."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Callable, Container, Mapping, Optional, Union

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.engine import Engine, how_to_get_an_engine, usable_engines
from netsurgery.errors import EngineError, NoJudgeError, VerificationError
from netsurgery.formats import make_folder, move_together, refuse_unmakable, scratch_folder
from netsurgery.methods import ROUNDING, method
from netsurgery.network import Model, Totals, foreign_to, load, total_cost
from netsurgery.planning import RECORD as REPORT, Asked, Plan, asked_of_net, identify
from netsurgery.quality import Quality, cautions_of, unjudged
from netsurgery.surgery import Surgery, operate, refuse_half, write_through_engine
from netsurgery.verification import (
    LayerError,
    Verification,
    Written,
    compare_saved,
    compare_written,
    refuse_labels,
    verify,
)
from netsurgery.version import __version__

Compare = Callable[[Model, Model, Model, Container[str]], Written]


@dataclass(frozen=True)
class Proof:
    """How to prove a compression.

    Attributes:
        engine: The engine to run; the first usable one if None.
        inputs: What to run it on; random inputs if None.
        count: Number of random inputs.
        seed: Seed of the random inputs.
        max_error: Largest relative error allowed in any output.
        min_agreement: Smallest share of inputs whose top-1 class must stay the same.
        task_output: The output that labels are for, where several hold classes.
        wanted: Whether to run anything at all.
        output_kinds: What outputs are, by blob, where the net does not tell; see `KINDS`.
        accept_loss: Whether an output may be lost by the table of limits.
    """

    engine: Optional[Engine] = None
    inputs: Optional[Inputs] = None
    count: int = 8
    seed: int = 0
    max_error: Optional[float] = None
    min_agreement: Optional[float] = None
    task_output: Optional[str] = None
    wanted: bool = True
    output_kinds: Mapping[str, str] = field(default_factory=dict)
    accept_loss: bool = False


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
        files: The written prototxt, weights and report.
        layers: Predicted and measured error of each rewritten layer's weights.
        costs: What original and written pair cost.
        sizes: Bytes of the weights files of both.
        written: What reading the pair back showed.
        equality: The twin against the written pair: must agree to float noise.
        effect: The original against the written pair: what it costs.
        unproven: Why nothing was run, or None.
        cautions: What makes the verdict on quality doubtful, besides what the outputs show.
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

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What was asked of the net and its layers, beside what the written pair reaches."""
        expected = self.plan.expected
        whole, left = (
            {**costs, "macs": cost.macs, "params": cost.params, "bytes": size}
            for costs, cost, size in zip((expected.whole, expected.left), self.costs, self.sizes)
        )
        layers = (one for one in self.plan.asked if one.layer is not None)
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
            "versions": _versions(),
            "inputs": {kind: dict(facts) for kind, facts in self.inputs.items()},
            "files": [path.name for path in self.files[:2]],
            "notes": list(self.surgery.notes),
            "plan": self.plan.to_dict(),
            "asked": [one.to_dict() for one in self.asked],
            "layers": [vars(layer) for layer in self.layers],
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


def compress(
    model: Model,
    plan: Plan,
    folder: Union[str, Path],
    proof: Optional[Proof] = None,
    *,
    calibrator: Optional[Calibrator] = None,
    writer: Optional[Engine] = None,
    progress: Callable[[str], None] = lambda step: None,
    name: Callable[[str], str] = "`{}`".format,
) -> Compression:
    """Carry out ``plan``, write the pair into ``folder`` and prove what is written there.

    The pair is written beside its place, read back and proved; then it is put in place together
    with a report, ``netsurgery.json``.

    Args:
        model: The network with its weights.
        plan: The edits.
        folder: Where the pair goes, under the names of the original's files.
        proof: How to prove it.
        calibrator: What calibration inputs tell, for methods that want it.
        writer: An engine that writes weights, to have it do so instead of this package.
        progress: Called with the name of each step.
        name: Names an argument of the library, in what the report says there is to do.

    Raises:
        PlanError: An edit cannot be carried out; nothing is written then.
        FormatError: The pair would overwrite the original, or cannot be written.
        VerificationError: The labels do not belong to the net; nothing is done then.
        EngineError: An engine that was asked for cannot run the pair; nothing is written then.
    """
    folder = Path(folder)
    model.refuse_overwriting(folder / name for name in model.file_names())
    refuse_unmakable(folder)
    if writer is not None:
        refuse_half(model)
    refuse_labels(model, proof.inputs if proof else None)
    surgery = operate(model, plan, calibrator, progress)
    make_folder(folder)
    with scratch_folder(folder) as scratch:
        progress("writing")
        pair = surgery.model.save(scratch)
        if writer is not None:
            write_through_engine(surgery, pair, writer)
        compare = compare_written if writer is None else compare_saved
        proof = proof or Proof()
        done = _examine(surgery, plan, pair, folder, proof, compare, progress)
        if calibrator is not None:
            judged = proof.inputs if done.effect is not None else None
            cautions = cautions_of(surgery, calibrator.inputs, judged)
            done = replace(done, cautions=cautions)
        report = Path(scratch) / REPORT
        report.write_text(json.dumps(done.to_dict(name), indent=2) + "\n", encoding="utf-8")
        move_together({folder / path.name: path for path in (*pair, report)})
    return done


def write_checked(surgery: Surgery, folder: Union[str, Path]) -> tuple[tuple[Path, ...], Written]:
    """Write the pair that surgery made and hold the files against what was meant; run nothing.

    Like `compress`, this puts a pair in its place also where it is not what was meant.

    Args:
        surgery: The rewritten model, and where it comes from.
        folder: Where the pair goes, under the names of the original's files.

    Returns:
        The paths of the pair, and what reading it back showed.

    Raises:
        FormatError: The pair would overwrite the original, cannot be written or not be read back;
            nothing is written then.
    """
    folder, original = Path(folder), surgery.original
    original.refuse_overwriting(folder / name for name in original.file_names())
    make_folder(folder)
    with scratch_folder(folder) as scratch:
        pair = surgery.model.save(scratch)
        written = load(pair[0], pair[1], original.input_shapes)
        found = compare_written(original, surgery.model, written, surgery.touched)
        move_together({folder / path.name: path for path in pair})
    return tuple(folder / path.name for path in pair), found


def _examine(
    surgery: Surgery,
    plan: Plan,
    pair: tuple[Path, ...],
    folder: Path,
    proof: Proof,
    compare: Compare,
    progress: Callable[[str], None],
) -> Compression:
    written = load(pair[0], pair[1], surgery.original.input_shapes)
    progress("reading back")
    found = compare(surgery.original, surgery.model, written, surgery.touched)
    progress("multiplying out")
    if not found:
        written = surgery.model  # What is on the disk is no net that anything could be said of.
    twin = surgery.twin(written.weights)
    measured = surgery.errors(twin)
    predicted = surgery.predicted_errors()
    rounding, others = surgery.rounding(), surgery.moved_errors(twin)
    layers = [
        LayerError(name, predicted.get(name), error, rounding.get(name, 0.0), others.get(name, 0.0))
        for name, error in measured.items()
    ]
    progress("running")
    nothing = None, None, None
    equality, effect, unproven = _prove(surgery, twin, written, proof) if found else nothing
    inputs = identify(surgery.original)
    return Compression(
        surgery,
        plan if plan.model else replace(plan, model=inputs),
        inputs,
        (*(folder / path.name for path in pair), folder / REPORT),
        tuple(layers),
        (total_cost(surgery.original), total_cost(written)),
        (_bytes(surgery.original), pair[1].stat().st_size),
        found,
        equality,
        effect,
        unproven,
    )


def _prove(
    surgery: Surgery, twin: Model, written: Model, proof: Proof
) -> tuple[Optional[Verification], Optional[Verification], Optional[str]]:
    """Run the models; or say why not, where that is not the fault of what was written."""
    if not proof.wanted:
        return None, None, "nothing was run, on request"
    chosen = [proof.engine] if proof.engine else usable_engines()
    if not chosen:
        return None, None, f"there is no engine to run it; {how_to_get_an_engine()}"
    refusals = []
    for engine in chosen:
        common: dict[str, Any] = {
            "inputs": proof.inputs,
            "count": proof.count,
            "seed": proof.seed,
            "engine": engine,
            "output": proof.task_output,
            "origins": surgery.places(),
            "output_kinds": proof.output_kinds,
        }
        try:
            kept = surgery.kept()
            # Where channels change their neighbours, the twin is no measure.
            approximate = surgery.approximate
            held_to = surgery.original if surgery.exact else twin
            equality = (
                None
                if approximate
                else verify(held_to, written, expect="exact", blobs="common", kept=kept, **common)
            )
            effect = verify(
                surgery.original,
                written,
                max_error=proof.max_error,
                min_agreement=proof.min_agreement,
                accept_loss=proof.accept_loss,
                **common,
            )
            return (
                equality,
                effect,
                approximate and f"thinned nets like this are not exact: {approximate}",
            )
        except NoJudgeError as error:
            refusals.append(f"{engine.name}: {error}")
        except (EngineError, VerificationError) as error:
            if proof.engine or _runs(surgery.original, common):
                raise
            refusals.append(f"{engine.name}: {error}")
    return None, None, f"no engine here can judge the original ({'; '.join(refusals)})"


def _runs(model: Model, common: dict[str, Any]) -> bool:
    try:
        return verify(model, model, **{**common, "origins": {}}).passed is not False
    except (EngineError, VerificationError):
        return False


def _versions() -> dict[str, str]:
    """Return what the numbers may depend on; the engine's version stands with its results."""
    own = {"netsurgery": __version__, "python": platform.python_version()}
    return {**own, **{name: version(name) for name in ("numpy", "scipy", "protobuf")}}


def _bytes(model: Model) -> int:
    file = model.weights.file if model.weights else None
    return os.path.getsize(file) if file else 0
