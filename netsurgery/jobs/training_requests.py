"""What the jobs that train have in common: what a net learns from, how, and when it stops."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration import Inputs, declared_views, input_shapes
from netsurgery.errors import NetworkError, Remedy, RequestError
from netsurgery.formats import Prototxt, SolverText
from netsurgery.jobs.mask_files import held_masks
from netsurgery.jobs.models import ModelLike, engine_of, open_model_like
from netsurgery.jobs.names import names_of
from netsurgery.jobs.outputs import PathLike
from netsurgery.jobs.requests import RunRequest
from netsurgery.jobs.rewritten import rewritten_layers
from netsurgery.jobs.samples import InputsLike, read_samples
from netsurgery.network import Masks, Model
from netsurgery.planning import RECORD
from netsurgery.progress import Progress
from netsurgery.training import (
    GIVEN,
    LABELS,
    PATIENCE,
    TEMPERATURE,
    Augmentation,
    LabelObjective,
    Objective,
    Tuned,
    TuningSettings,
    ZoomedViews,
    fitted_views,
    label_classes,
    labels_as_targets,
    names_read,
    names_selected,
    new_layers,
    objectives_of,
    only_new,
    outputs_to_give,
    plain_samples,
    require_labels,
)

_TEXT = ".prototxt"


@dataclass(frozen=True)
class TrainingRequest(RunRequest):
    """How a net is trained.

    Attributes:
        calibrate: Samples like those the net was trained on, or the files they are in, or a train
            prototxt, of which what its data layer for TRAIN reads.
        labels: A text file with the class of each input.
        teacher: The net whose answers are learned, or its files; no labels are needed then.
        temperature: Of the classes that the teacher answers; 2 if None.
        hints: Blobs on the way that are learned from the teacher too.
        train_val: The prototxt that the net is trained by: its losses are used.
        solver: The solver that it was trained by: its type, momentum and decay stay, and its rate
            is a tenth.
        steps: Iterations of the solver; 20 times through the inputs if None, or with ``zoom`` twice
            through all views.
        batch: Inputs of a step; of the train prototxt if None, else 64, or 16 for large pictures.
        lr: The learning rate at the start; a tenth of the solver's if None, or found by a trial.
        only_new: Train the rewritten layers alone.
        freeze: Layers that stay as they are: names, or globs over names.
        batchnorm: What becomes of the statistics of BatchNorm layers: ``"frozen"`` or ``"update"``.
        masks: A file of masks, or ``"zeros"`` or ``"none"``; the one beside the weights if None.
        mirror: Show mirrored inputs, too.
        crop: Cut squares of so many pixels out of the inputs, anywhere.
        shift: Move inputs by up to so many pixels.
        zoom: Show windows of all sizes, the smallest of so large a share of a picture.
        views: How many views of each input the teacher answers.
        hold_out: The share of the inputs that is kept aside.
        validate: Inputs to report on, or their files.
        validate_every: Steps from one validation to the next; a twentieth of all if None.
        patience: Validations without a gain after which the run stops; 0 for never.
        output_kinds: What outputs are, by blob, where the net does not tell; see `KINDS`.
        recipe: A way that is known from a paper, by its name; see `netsurgery.jobs.known_recipes`.
            What else is given goes before it.
        force: Begin anew, and overwrite what is in the folder even if it was made of other files.
    """

    calibrate: Optional[InputsLike] = None
    labels: Optional[PathLike] = None
    teacher: Optional[ModelLike] = None
    temperature: Optional[float] = None
    hints: Sequence[str] = ()
    train_val: Optional[PathLike] = None
    solver: Optional[PathLike] = None
    steps: Optional[int] = None
    batch: Optional[int] = None
    lr: Optional[float] = None
    only_new: bool = False
    freeze: Sequence[str] = ()
    batchnorm: str = "frozen"
    masks: Optional[PathLike] = None
    mirror: bool = False
    crop: Optional[int] = None
    shift: int = 0
    zoom: Optional[float] = None
    views: Optional[int] = None
    hold_out: Optional[float] = None
    validate: Optional[InputsLike] = None
    validate_every: Optional[int] = None
    patience: int = PATIENCE
    output_kinds: Mapping[str, str] = field(default_factory=dict)
    recipe: Optional[str] = None
    force: bool = False


@dataclass(frozen=True)
class Learning:
    """What a request to train names, read.

    Attributes:
        teacher: The net to learn from, if there is one.
        inputs: What is trained on.
        reported: Other inputs to report on, if there are some.
        settings: How.
        masks: Which weights are free.
        masked_by: Where the masks are from, in words; "" where there are none.
    """

    teacher: Optional[Model]
    inputs: Inputs
    reported: Optional[Inputs]
    settings: TuningSettings
    masks: Masks
    masked_by: str


def read_learning(
    model: Model, request: TrainingRequest, progress: Progress, otherwise: Optional[Model] = None
) -> Learning:
    """Read what a request to train names.

    Args:
        model: The net.
        request: What is asked for.
        progress: Told.
        otherwise: Who teaches where there is nothing else to learn from.

    Raises:
        RequestError: There is nothing to learn from; a layer that is named is not there.
        NetsurgeryError: A file is not what it should be.
    """
    if request.calibrate is None:
        raise RequestError(Remedy("say what to train on: {}", "calibrate"))
    teacher = None if request.teacher is None else open_model_like(request.teacher)
    for one in (model, teacher):
        _require_finite(one)
    views = _views(request)
    with progress.task("reading inputs"):
        how = request.preprocessing
        uncut = views.crop is not None or request.zoom is not None
        targets = _targets(model, request)
        read = partial(read_samples, model, uncut=uncut, targets=targets)
        inputs = read(request.calibrate, how, request.labels, "TRAIN")
        reported = None
        if request.validate is not None:
            reported = read(request.validate, how)
        if request.train_val is not None:
            inputs = labels_as_targets(inputs, targets)
            reported = reported and labels_as_targets(reported, targets)
    _require_classes(model, request, inputs, reported)
    views = fitted_views(views, inputs, input_shapes(model.network()))
    tells = inputs.labels is not None or inputs.targets or request.train_val is not None
    if teacher is None and not tells:
        teacher = otherwise
    if teacher is None and not tells:
        raise RequestError(
            Remedy("there is nothing to learn from: give {} or {}", "labels", "teacher")
        )
    masks, masked_by = held_masks(model, request.masks)
    settings = _settings(model, teacher, views, request)
    if reported is not None and request.train_val is not None:
        reported = _with_classes(model, teacher, inputs, reported, settings)
    return Learning(teacher, inputs, reported, settings, masks, masked_by)


def _targets(model: Model, request: TrainingRequest) -> Tuple[str, ...]:
    """What is read beside inputs and labels: what the net is to make, or its own losses compare."""
    if request.train_val is None:
        return outputs_to_give(model, dict(request.output_kinds))
    solver = None if request.solver is None else SolverText.read(request.solver)
    stages = () if solver is None else tuple(solver.parameter.train_state.stage)
    return names_read(model, Prototxt.read(request.train_val), stages)


def _require_finite(model: Optional[Model]) -> None:
    """See that a net computes numbers."""
    if model is None or model.weights is None:
        return
    for layer in model.network().layers:
        for number, blob in enumerate(model.blobs(layer.name)):
            if not np.isfinite(blob.array()).all():
                raise NetworkError(
                    f"blob {number} holds NaN or infinity, of which nothing can be learned",
                    file=model.weights.file,
                    layer=layer.name,
                    remedy="see how it came to be",
                )


def _require_classes(
    model: Model, request: TrainingRequest, inputs: Inputs, reported: Optional[Inputs]
) -> None:
    """See that labels are classes of the net, before anything runs."""
    if request.train_val is not None:
        return  # which says what labels are for
    for one in (inputs, reported):
        if one is not None and one.labels is not None:
            require_labels(one, label_classes(model, request.task_output))


def _with_classes(
    model: Model,
    teacher: Optional[Model],
    inputs: Inputs,
    reported: Inputs,
    settings: TuningSettings,
) -> Inputs:
    """The inputs to report on, whose labels are seen to be classes, or are none.

    A text of the user's may compare numbers with them.
    """
    objectives = objectives_of(model, teacher, inputs, settings)
    if _are_numbers(objectives):
        return replace(reported, labels=None)
    if reported.labels is not None:
        require_labels(reported, label_classes(model, settings.task_output))
    return reported


def _are_numbers(objectives: Sequence[Objective]) -> bool:
    """Whether labels are no classes to the losses of a text: all that these read are targets."""
    roles = [role for one in objectives for role in one.roles]
    return LABELS not in roles and any(role.startswith(GIVEN) for role in roles)


def _views(request: TrainingRequest) -> Augmentation:
    """What is done to pictures: what is asked for, and what the training text does."""
    crop = None if request.crop is None else (request.crop, request.crop)
    mirror, given = request.mirror, request.calibrate
    path = None if isinstance(given, Inputs) else _only(given)
    if path is not None and path.suffix == _TEXT:
        declared = declared_views(path)
        mirror, crop = mirror or declared.mirror, crop or declared.crop
    if request.zoom is not None:
        return ZoomedViews(mirror, crop, request.shift, zoom=request.zoom)
    return Augmentation(mirror, crop, request.shift)


def _only(given: object) -> Optional[Path]:
    """The path that is given, where it is one."""
    if isinstance(given, (str, os.PathLike)):
        return Path(given)
    return Path(given[0]) if isinstance(given, (tuple, list)) and len(given) == 1 else None


def _settings(
    model: Model, teacher: Optional[Model], views: Augmentation, request: TrainingRequest
) -> TuningSettings:
    train_val, solver = request.train_val, request.solver
    return TuningSettings(
        steps=request.steps,
        batch=request.batch,
        rate=request.lr,
        solver=None if solver is None else SolverText.read(solver),
        train_val=None if train_val is None else Prototxt.read(train_val),
        temperature=TEMPERATURE if request.temperature is None else request.temperature,
        hints=tuple(names_of(request.hints)),
        augmentation=views,
        views=request.views,
        hold_out=request.hold_out,
        reported_elsewhere=request.validate is not None,
        validate_every=request.validate_every,
        patience=request.patience or None,
        batchnorm=request.batchnorm,
        frozen=_frozen(model, teacher, request),
        task_output=request.task_output,
        output_kinds=tuple(sorted(request.output_kinds.items())),
        seed=request.seed,
        engine=engine_of(request.engine),
    )


def _frozen(model: Model, teacher: Optional[Model], request: TrainingRequest) -> Tuple[str, ...]:
    """The layers that stay, in the order of the net."""
    found = set(names_selected(model.network(), names_of(request.freeze)))
    if request.only_new:
        new = rewritten_layers(model)
        if new is None and teacher is not None:
            new = new_layers(model, teacher)
        if new is None:
            raise RequestError(
                Remedy(f"{{}} finds no {RECORD} beside the pair that says so", "only_new"),
                file=model.prototxt.file,
                remedy=Remedy("give the original as {}", "teacher"),
            )
        found |= set(only_new(model, new))
    ordered = [layer.name for layer in model.network().layers if layer.name in found]
    # Side heads stand in the training text alone, and are as little new.
    return tuple(dict.fromkeys([*ordered, *sorted(found)]))


def report_inputs(learning: Learning, tuned: Tuned) -> Inputs:
    """Return the inputs that tell what a tuning gained: they trained nothing."""
    inputs = learning.reported
    if inputs is None:
        inputs = learning.inputs.chosen(tuned.split.report)
    if learning.settings.train_val is not None and _are_numbers(tuned.objectives):
        inputs = replace(inputs, labels=None)
    if inputs.labels is not None:
        found = (one for one in tuned.objectives if LABELS in one.roles)
        told = next((one for one in found if isinstance(one, LabelObjective)), None)
        labels = inputs.labels if told is None else told.labels({LABELS: inputs.labels})
        labelled = np.flatnonzero(labels >= 0)  # others say nothing of accuracy
        inputs = inputs.chosen(labelled) if len(labelled) else replace(inputs, labels=None)
    return plain_samples(inputs, learning.settings.augmentation)


def tuning_facts(tuned: Tuned) -> Dict[str, Any]:
    """Return how a net was tuned, as plain data.

    Args:
        tuned: The tuning.
    """
    trained = tuned.trained
    seconds = trained.seconds_per_step
    return {
        "steps": trained.iteration,
        "stopped": trained.stopped,
        "batch": tuned.batch,
        "solver": {**tuned.solver.fields, "why": tuned.why_rate},
        "batchnorm": tuned.settings.batchnorm,
        "frozen": list(tuned.settings.frozen),
        "history": trained.history.to_list(),
        "seconds_per_step": seconds if math.isfinite(seconds) else None,
        "resumed_from": trained.resumed_from,
        "notes": list(tuned.notes),
    }
