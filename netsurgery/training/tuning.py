"""A net tuned: what it should come to, what it is fed, how long, and the best net of the run."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration import Inputs
from netsurgery.engine import Capability, Engine, EngineLike, choose
from netsurgery.errors import EngineError, PlanError, Remedy
from netsurgery.formats import write_whole
from netsurgery.network import (
    Masks,
    Model,
    ParameterKey,
    require_zero_under,
    without_what_follows,
)
from netsurgery.progress import Progress, silent
from netsurgery.training.aims import objectives_of, share_of_truth, with_given
from netsurgery.training.bank import ViewBank
from netsurgery.training.checkpoint import claim_folder
from netsurgery.training.deployed import arrays_of, deployed_model
from netsurgery.training.evaluation import held_out_judge
from netsurgery.training.feed import Feed
from netsurgery.training.given import require_classes, some_lack_labels
from netsurgery.training.lacked import engine_for
from netsurgery.training.length import run_length, validation_interval
from netsurgery.training.maps import sample_shapes
from netsurgery.training.objectives import Objective, TeacherObjective
from netsurgery.training.rate_trial import find_rate
from netsurgery.training.settings import TuningSettings
from netsurgery.training.solver_settings import SolverSettings, tuning_settings
from netsurgery.training.splitting import Split, split
from netsurgery.training.teacher_targets import TeacherTargets
from netsurgery.training.trainer import Judge, Trained, Trainer, TrainerHook, TrainingPlan
from netsurgery.training.training_net import TrainingNet, training_net
from netsurgery.version import __version__


class Tuned(NamedTuple):
    """A net that was tuned.

    Attributes:
        model: The net with the best numbers.
        trained: The run.
        split: Which inputs trained, stopped and are left to report on.
        net: What was trained.
        solver: By which solver.
        why_rate: Why its rate is what it is.
        batch: Inputs of a batch.
        settings: What was asked for.
        notes: What is not as one might expect, a sentence each.
        objectives: What its values were to come to.
    """

    model: Model
    trained: Trained
    split: Split
    net: TrainingNet
    solver: SolverSettings
    why_rate: str
    batch: int
    settings: TuningSettings
    notes: Tuple[str, ...] = ()
    objectives: Tuple[Objective, ...] = ()


def tune(
    model: Model,
    original: Optional[Model],
    inputs: Inputs,
    settings: TuningSettings,
    folder: Path,
    progress: Progress = silent,
    *,
    masks: Optional[Masks] = None,
    hooks: Sequence[TrainerHook] = (),
    closing: Sequence[ParameterKey] = (),
    answers: Optional[Path] = None,
) -> Tuned:
    """Tune a net on inputs, by their labels, by what a teacher answers, or by both.

    A part of the inputs is kept aside, which says which net is the best and when to stop.

    Args:
        model: The net.
        original: The teacher, or None.
        inputs: What it is tuned on, with labels if there are some.
        settings: How.
        folder: Keeps the states: a run that was killed goes on from there.
        progress: Told each step.
        masks: Weights that are zero and stay so.
        hooks: Are called between steps.
        closing: Weights that hooks close: they have to be trained.
        answers: Keeps what the teacher answers; within ``folder`` if None.

    Raises:
        RequestError: There is nothing to learn from, or too few inputs.
        FormatError: The folder is another run's, or a state cannot be read or written.
        EngineError: There is no engine that can, it refuses the net, or the net went to pieces.
        NetworkError: Masks do not fit the net, or close weights that are not zero.
        PlanError: No loss depends on weights that hooks close.
    """
    require_zero_under(model, masks or {})
    objectives = objectives_of(model, original, inputs, settings)
    require_classes(objectives, inputs, model)
    engine, used, objectives = _within_reach(model, objectives, settings.engine)
    claim_folder(
        folder, tuning_digest(model, original, inputs, settings, masks), __version__, "tune"
    )
    parts = parts_of(inputs, settings)
    objectives, answered = _asked(objectives, original, inputs, settings, folder, answers, progress)
    batch, steps = run_length(model, settings, len(parts.train))
    net = training_net(
        used,
        objectives,
        batch=batch,
        train_val=settings.train_val,
        stages=settings.stages,
        batchnorm=settings.batchnorm,
        frozen=settings.frozen,
        engine=engine,
        given=sample_shapes(inputs, settings.augmentation),
        share=share_of_truth(
            original, any(not isinstance(one, TeacherObjective) for one in objectives)
        ),
        unlabelled=some_lack_labels(objectives, inputs),
    )
    targets = with_given(net, objectives, inputs, settings, answered)
    feed = Feed(
        net,
        inputs,
        parts.train,
        batch=batch,
        augmentation=settings.augmentation,
        targets=targets,
        seed=settings.seed,
    )
    judge = held_out_judge(used, objectives, inputs, parts.stop, settings.augmentation, targets)
    _require_trained(closing, net)
    inside, outside = _parted(masks or {}, net)
    run = _Run(net, feed, judge, engine, settings, folder, inside, progress)
    solver, why = run.solver(steps, taught=original is not None)
    trained = run.trained(solver, steps, hooks)
    trained = trained._replace(masks={**outside, **trained.masks})
    made = deployed_model(model, arrays_of(net, trained.arrays), trained.masks)
    notes = (*net.notes, *(() if answered is None else answered.notes), *trained.notes)
    return Tuned(made, trained, parts, net, solver, why, batch, settings, notes, objectives)


def _parted(
    masks: Masks, net: TrainingNet
) -> Tuple[Dict[ParameterKey, np.ndarray], Dict[ParameterKey, np.ndarray]]:
    """Masks of what is trained, and of layers that no loss depends on, which stay as they are."""
    inside = {key: mask for key, mask in masks.items() if key[0] in net.layers}
    return inside, {key: mask for key, mask in masks.items() if key not in inside}


def _require_trained(closing: Sequence[ParameterKey], net: TrainingNet) -> None:
    for name, _ in closing:
        if name not in net.layers:
            raise PlanError(
                "no loss depends on its weights, so that none can close while the net is trained",
                file=net.deploy.prototxt.file,
                layer=name,
                remedy=Remedy("name it in {}, or give {} as once", "keep", "schedule"),
            )


def parts_of(inputs: Inputs, settings: TuningSettings) -> Split:
    """Return which inputs a tuning trains on, which stop it, and which report on it.

    Args:
        inputs: All of them.
        settings: The share that is kept aside, and the seed.

    Raises:
        RequestError: There are too few inputs, or nothing is left to train on or kept aside.
    """
    elsewhere = settings.reported_elsewhere
    return split(inputs, settings.hold_out, settings.seed, reported_elsewhere=elsewhere)


def _within_reach(
    model: Model, objectives: Sequence[Objective], wanted: EngineLike
) -> Tuple[Engine, Model, Tuple[Objective, ...]]:
    """An engine, and the net or as much of it as is learned, with the objectives there.

    What chooses among boxes, and their priors, no engine need know.
    """
    needs, network = [Capability.SOLVE], model.network()
    with contextlib.suppress(EngineError):
        engine = choose(wanted, [network], needs)
        if not engine.obstacles(network):
            return engine, model, tuple(objectives)
    used, values = without_what_follows(model, [one.value for one in objectives])
    moved = tuple(replace(one, value=value) for one, value in zip(objectives, values))
    return engine_for(wanted, used.network()), used, moved


def _asked(
    objectives: Sequence[Objective],
    original: Optional[Model],
    inputs: Inputs,
    settings: TuningSettings,
    folder: Path,
    answers: Optional[Path],
    progress: Progress,
) -> Tuple[Tuple[Objective, ...], Optional[TeacherTargets]]:
    """Objectives with the scales of a teacher's answers, and these."""
    if original is None:
        return tuple(objectives), None
    taught = [one for one in objectives if isinstance(one, TeacherObjective)]
    bank = ViewBank(inputs, settings.augmentation, settings.views, settings.seed)
    with progress.task("asking the teacher"):
        targets = TeacherTargets.make(
            original, taught, bank, settings.engine, answers or folder / "targets", progress
        )
    others = [one for one in objectives if not isinstance(one, TeacherObjective)]
    return (*others, *targets.objectives), targets


@dataclass(frozen=True)
class _Run:
    """All that a run is made of but its solver."""

    net: TrainingNet
    feed: Feed
    judge: Judge
    engine: Engine
    settings: TuningSettings
    folder: Path
    masks: Masks
    progress: Progress

    def solver(self, steps: int, taught: bool) -> Tuple[SolverSettings, str]:
        """The solver of so many steps, and why its rate is what it is."""
        found, why = tuning_settings(
            self.settings.solver, steps, lr=self.settings.rate, teacher=taught
        )
        if why is not None:
            return found, why
        rate, why = self._tried(found)
        return replace(found, base_lr=rate), why

    def _tried(self, solver: SolverSettings) -> Tuple[float, str]:
        """A rate that a trial found, which is kept for when the run goes on."""
        file = self.folder / "rate.json"
        if file.exists():
            rate, why = json.loads(file.read_text(encoding="utf-8"))
            return float(rate), str(why)
        found = find_rate(
            self.net,
            self.feed,
            self.judge,
            solver,
            self.engine,
            seed=self.settings.seed,
            masks=self.masks,
            progress=self.progress,
        )
        text = json.dumps([found.rate, found.told]) + "\n"
        write_whole(file, text.encode())
        return found.rate, found.told

    def trained(self, solver: SolverSettings, steps: int, hooks: Sequence[TrainerHook]) -> Trained:
        """What comes of it."""
        told = self.settings
        plan = TrainingPlan(
            solver,
            steps,
            validation_interval(told, steps),
            told.patience,
            seed=told.seed,
            keep_best=told.keep_best,
        )
        return Trainer(
            self.net,
            self.feed,
            self.judge,
            plan,
            self.engine,
            self.folder,
            masks=self.masks,
            hooks=hooks,
            progress=self.progress,
        ).run()


def tuning_digest(
    model: Model,
    original: Optional[Model],
    inputs: Inputs,
    settings: TuningSettings,
    masks: Optional[Masks],
) -> str:
    """Return a sha256 of all that the numbers of a tuning depend on.

    Args:
        model: The net.
        original: The teacher, if there is one.
        inputs: What it is tuned on.
        settings: How.
        masks: Weights that are zero and stay so.
    """
    told: Dict[str, Any] = {one.name: getattr(settings, one.name) for one in fields(settings)}
    engine = told["engine"]
    told["engine"] = getattr(engine, "name", engine)
    told["solver"] = None if settings.solver is None else settings.solver.data
    told["train_val"] = None if settings.train_val is None else settings.train_val.data
    labels = None if inputs.labels is None else inputs.labels.tobytes()
    closed = [(key, np.packbits(mask).tobytes()) for key, mask in sorted((masks or {}).items())]
    given = inputs.targets_digest
    parts = [model.digest, original and original.digest, inputs.digest, labels, given, told, closed]
    return hashlib.sha256(repr(parts).encode()).hexdigest()
