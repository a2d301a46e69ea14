"""A net tuned after surgery: by labels, by what the original answers, or by both."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from netsurgery.calibration import SessionPool
from netsurgery.errors import RequestError
from netsurgery.formats import Prototxt
from netsurgery.jobs.compressed import versions
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.estimates import told_beforehand
from netsurgery.jobs.models import ModelLike, engine_of, open_model_like
from netsurgery.jobs.outputs import PathLike, checked_folder
from netsurgery.jobs.published import by_recipe
from netsurgery.jobs.rewritten import REWRITTEN, rewritten_layers
from netsurgery.jobs.run_states import ANSWERS, kept_states
from netsurgery.jobs.training_requests import (
    Learning,
    TrainingRequest,
    read_learning,
    report_inputs,
    tuning_facts,
)
from netsurgery.jobs.training_work import work_of_training
from netsurgery.jobs.truth_figures import TruthFigure, truth_figures
from netsurgery.jobs.tuned_pairs import write_tuned
from netsurgery.measurements import default_folder
from netsurgery.network import Masks, Model, sparsity_of, with_fillers
from netsurgery.planning import identify, refuse_another
from netsurgery.progress import Progress, ProgressLike, Timing
from netsurgery.quality import Quality
from netsurgery.training import Tuned, Validation, tune
from netsurgery.validation import validated
from netsurgery.verification import Verification, Written, verify


@dataclass(frozen=True)
class FinetuneRequest(TrainingRequest):
    """How a net is tuned, and what it is held to.

    Attributes:
        max_error: Largest relative error of an output that passes, on the inputs it reports on.
        min_agreement: Smallest share of these that keep their top-1 class (or detections); with
            labels, one minus the accuracy that may be lost.
    """

    max_error: Optional[float] = None
    min_agreement: Optional[float] = None

    recipes = "finetune"


@dataclass(frozen=True)
class Finetuned:
    """A net that was tuned, and what that gained. Truthy unless a limit is not kept.

    Attributes:
        tuned: The run.
        inputs: Name and sha256 of the files of the net before.
        files: The written prototxt, weights, masks if there are some, and record.
        written: What reading them back showed.
        masks: Which weights are free.
        before: The teacher, or the net itself, against the net before, on the inputs it reports on.
        after: The same against the tuned net.
        taught: Whether there was a teacher.
        truths: How near the net before and the tuned one come to targets beside those inputs.
        rewritten: The layers that surgery made, where the record of the net before says so.
        timings: Where the time went; not in the record.
    """

    tuned: Tuned
    inputs: Mapping[str, Mapping[str, str]]
    files: Tuple[Path, ...]
    written: Written
    masks: Masks
    before: Optional[Verification]
    after: Verification
    taught: bool
    truths: Tuple[TruthFigure, ...] = ()
    rewritten: Optional[Tuple[str, ...]] = None
    timings: Optional[Timing] = field(default=None, compare=False, repr=False)

    @property
    def start(self) -> Validation:
        """What the net before makes of the inputs that stop the run."""
        first: Validation = self.tuned.trained.history[0]
        return first

    @property
    def best(self) -> Validation:
        """What the tuned net makes of them."""
        return self.tuned.trained.history.at(self.tuned.trained.best)

    @property
    def gained(self) -> bool:
        """Whether the tuned net is another one than that before."""
        return self.tuned.trained.best > 0

    @property
    def quality(self) -> Quality:
        """What the tuned net is worth beside its teacher, or beside the net before."""
        return self.after.quality

    @property
    def failures(self) -> Tuple[str, ...]:
        """Why the files are not what was meant, and the limits of the user that are not kept."""
        return (*self.written.reasons, *self.after.missed)

    def __bool__(self) -> bool:
        return not self.failures

    def to_dict(self, name: Callable[[str], str] = "`{}`".format) -> Dict[str, Any]:
        """Return everything as plain data, as it stands in ``netsurgery.json``.

        Args:
            name: Names an argument of the library, in what there is to do.
        """
        tuned, trained = self.tuned, self.tuned.trained
        return {
            "versions": versions(),
            "inputs": {kind: dict(facts) for kind, facts in self.inputs.items()},
            "files": [path.name for path in self.files[:-1]],
            "start": _judged(self.start),
            "best": {**_judged(self.best), "iteration": trained.best},
            "report": {
                "before": _finite(figures_before(self)),
                "after": _finite(figures_after(self)),
                "inputs": {"description": self.after.inputs, "samples": self.after.samples},
                "same_as_stopped": tuned.split.is_shared,
                "quality": self.quality.to_dict(name),
                "reasons": list(self.failures),
            },
            **tuning_facts(tuned),
            "masks": {"sparsity": sparsity_of(self.masks)} if self.masks else None,
            **({} if self.rewritten is None else {REWRITTEN: list(self.rewritten)}),
            "written": self.written.to_dict(),
        }


def _judged(validation: Validation) -> Dict[str, Any]:
    return {"loss": validation.to_dict()["loss"], **validation.judged.figures}


def _finite(figures: Mapping[str, float]) -> Dict[str, Optional[float]]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _figures_of(found: Verification) -> Dict[str, float]:
    """What is known of the second of two nets, by name: accuracy, agreement and the like."""
    told: Dict[str, float] = {}
    if found.accuracy is not None:
        told["accuracy"] = found.accuracy.after
    several = len(found.quality.outputs) > 1
    for output in found.quality.outputs:
        for figure in output.figures:
            if figure.limits.unit != "points":  # accuracy lost, which stands there already
                name = figure.limits.figure
                told[f"{name} of {output.blob}" if several else name] = figure.value
    return told


def figures_before(done: Finetuned) -> Dict[str, float]:
    """Return what is known of the net before, by name; without a teacher, what truth says of it."""
    truths = {one.name: one.before for one in done.truths}
    if done.before is not None:
        return {**truths, **_figures_of(done.before)}
    accuracy = done.after.accuracy
    return truths if accuracy is None else {**truths, "accuracy": accuracy.before}


def figures_after(done: Finetuned) -> Dict[str, float]:
    """Return the same of the tuned net."""
    return {**{one.name: one.after for one in done.truths}, **_figures_of(done.after)}


@validated
@by_recipe
def finetune(
    model: ModelLike,
    request: FinetuneRequest,
    out: PathLike,
    progress: ProgressLike = None,
    name: Callable[[str], str] = "`{}`".format,
) -> Finetuned:
    """Tune a net, write the new pair, and tell what was gained on inputs it never saw.

    A run that is killed keeps its states in ``out``; the same call goes on from the newest.

    Args:
        model: The net with its weights, or its files.
        request: What it learns from, and how.
        out: The folder for the new pair, under the names of the old one's files, and its record.
        progress: Told each step.
        name: Names an argument of the library, in what the record says there is to do.

    Raises:
        RequestError: What is asked for contradicts itself or says nothing.
        PlanError: There is no such recipe.
        FormatError: The folder holds another net's pair, or another run's states.
        EngineError: There is no engine that can train it, or the net went to pieces.
        NetsurgeryError: A file is not what it should be.
    """
    refuse_contradictions("finetune", request)
    folder, progress = checked_folder(out), Progress.of(progress)
    small = open_model_like(model)
    if small.weights is None:
        raise RequestError("there are no weights to tune", remedy="give a caffemodel")
    if not request.force:
        refuse_another(folder, small)
    small.refuse_overwriting(folder / name for name in small.file_names())
    small, begun = _begun(small, request)
    learning = read_learning(small, request, progress)
    with kept_states(folder, request.force) as states:
        work = work_of_training(small, learning, compared=1 if learning.teacher is None else 2)
        with told_beforehand(progress, "finetune", work, default_folder()):
            tuned = tune(
                small,
                learning.teacher,
                learning.inputs,
                learning.settings,
                states / "round-00",
                progress,
                masks=learning.masks,
                answers=states / ANSWERS,
            )
            tuned = tuned._replace(notes=(*begun, *tuned.notes))
            with progress.task("report"):
                before, after, truths = _reported(small, tuned, learning, request)
            with progress.task("writing"):
                done = _written(small, tuned, folder, before, after, truths, learning, name)
    return replace(done, timings=progress.timings)


def _begun(small: Model, request: FinetuneRequest) -> Tuple[Model, Tuple[str, ...]]:
    """The net with all layers, and what is to be told of those that its weights lack."""
    text = None if request.train_val is None else Prototxt.read(request.train_val)
    begun = with_fillers(small, text, request.seed)
    if not begun.layers:
        return small, ()
    names = ", ".join(begun.layers)
    return begun.model, (f"the weights hold nothing for {names}: fillers begin what is new",)


def _reported(
    small: Model, tuned: Tuned, learning: Learning, request: FinetuneRequest
) -> Tuple[Optional[Verification], Verification, Tuple[TruthFigure, ...]]:
    """The net before and the tuned one beside teacher and truth, on inputs never trained on."""
    inputs = report_inputs(learning, tuned)
    teacher = learning.teacher
    with SessionPool() as sessions:
        common: Dict[str, Any] = {
            "inputs": inputs,
            "engine": engine_of(request.engine),
            "seed": request.seed,
            "output": request.task_output if inputs.labels is not None else None,
            "output_kinds": dict(request.output_kinds),
            "sessions": sessions,
        }
        before = None if teacher is None else verify(teacher, small, **common)
        after = verify(
            teacher or small,
            tuned.model,
            max_error=request.max_error,
            min_agreement=request.min_agreement,
            **common,
        )
        nets = small, tuned.model
        truths = truth_figures(nets, tuned.objectives, inputs, common["engine"], sessions)
    return before, after, truths


def _written(
    small: Model,
    tuned: Tuned,
    folder: Path,
    before: Optional[Verification],
    after: Verification,
    truths: Tuple[TruthFigure, ...],
    learning: Learning,
    name: Callable[[str], str],
) -> Finetuned:
    """Write the pair, its masks and its record, and read the pair back."""
    masks, facts = tuned.trained.masks, identify(small)
    taught, rewritten = learning.teacher is not None, rewritten_layers(small)

    def answer(again: Model, written: Written, files: Tuple[Path, ...]) -> Finetuned:
        return Finetuned(
            tuned, facts, files, written, masks, before, after, taught, truths, rewritten
        )

    return write_tuned(small, tuned.model, masks, folder, answer, name)
