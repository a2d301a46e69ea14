"""What a low-rank form does to what a user measures of the whole net."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import sys
from dataclasses import replace
from typing import Any, Callable, ClassVar, Dict, Iterable, Optional, Sequence

import numpy as np

from netsurgery.budgets.scores import Score, read_off
from netsurgery.calibration import Calibrator, ObservedValue, Seen
from netsurgery.cleanup import run_process
from netsurgery.costs import six_digits
from netsurgery.errors import PlanError, Remedy, VerificationError
from netsurgery.formats import scratch_folder
from netsurgery.linalg import Ranks, Tradeoff, outer_environment
from netsurgery.measurements import MeasurementStore, digest_of
from netsurgery.methods import Edit, LowRankMethod
from netsurgery.network import Model, Value, infer_shapes
from netsurgery.planning import Expected, MetricValues, Plan
from netsurgery.progress import Progress
from netsurgery.surgery import apply
from netsurgery.verification import choose_scored, class_scores, count_in_top

GRID = 5
"""Ranks of each method that a layer is measured at; what lies between is read off a line."""

AS_IT_IS = "as it is"

Evaluate = Callable[[Model], float]


class Metric(Score):
    """One minus what is left of a metric when one layer alone takes the form.

    A form is measured at a few ranks and read off in between, by the energy of the weights.
    """

    name: ClassVar[str] = "metric"
    several_at_once: ClassVar[bool] = False

    def __init__(
        self,
        evaluate: Evaluate,
        told: str,
        store: MeasurementStore,
        calibrator: Optional[Calibrator],
        progress: Progress,
    ) -> None:
        """Prepare.

        Args:
            evaluate: Returns the metric of a model; higher is better.
            told: What the metric is, to know its values again.
            store: What was measured already.
            calibrator: Runs inputs that forms are fitted to, if there are some.
            progress: Told each evaluation.
        """
        self._evaluate, self._told, self._store = evaluate, told, store
        self._calibrator, self._progress = calibrator, progress

    def options(self, model: Model, chosen: LowRankMethod, layer: str) -> Dict[str, Any]:
        """Return ``fit: data`` for methods that fit themselves, where there are inputs."""
        fits = self._calibrator is not None and "fit" in chosen.options
        return {"fit": "data"} if fits and len(chosen.coupled(model, layer)) == 1 else {}

    def lost(
        self,
        model: Model,
        chosen: LowRankMethod,
        layer: str,
        tradeoff: Tradeoff,
        ranks: Sequence[Ranks],
    ) -> np.ndarray:
        """Return the share of the metric that is lost at each of some ranks.

        Raises:
            VerificationError: The original has no metric above 0, or it cannot be evaluated.
        """
        whole = self._whole(model)
        energies = np.array([tradeoff.lost(one) for one in ranks])
        extra = self.options(model, chosen, layer)

        def measure(number: int) -> float:
            options = {**chosen.options_for(ranks[number]), **extra}
            return 1.0 - self._measure(model, Edit(layer, chosen.name, options)) / whole

        return read_off(energies, measure, GRID)

    def losses(self, model: Model, layer: str, lost: np.ndarray) -> np.ndarray:
        """Return them as they are: what is lost of the metric adds up."""
        return lost

    def predict(self, model: Model, loss: float) -> Expected:
        """Return the metric of the net, and the one predicted for a loss."""
        whole = self._whole(model)
        predicted = whole * max(1.0 - loss, 0.0)
        return Expected(metric=MetricValues(six_digits(whole), six_digits(predicted)))

    def share_lost(self, model: Model, plan: Plan) -> float:
        """Return the share of the metric that a plan as a whole loses, from 0."""
        return max(1.0 - self._measure(model, *plan.edits) / self._whole(model), 0.0)

    def measured(self, model: Model, plan: Plan, made: Optional[Model] = None) -> Plan:
        """Return a plan with the metric of the net that it makes beside the one predicted.

        Args:
            model: The net that it is for.
            plan: The plan.
            made: What it makes of the net, where it was carried out already.
        """
        metric = plan.expected.metric
        assert metric is not None
        found = replace(metric, measured=six_digits(self._measure(model, *plan.edits, made=made)))
        return replace(plan, expected=replace(plan.expected, metric=found))

    def _whole(self, model: Model) -> float:
        whole = self._measure(model)
        if not whole > 0:
            raise VerificationError(f"the metric of the net itself is {whole:g}, not above 0")
        return whole

    def _measure(self, model: Model, *edits: Edit, made: Optional[Model] = None) -> float:
        choice = _told(edits)
        key = digest_of(model, self._told, choice)

        def evaluate() -> float:
            with self._progress.task("metric"):
                if made is not None or not edits:
                    return self._evaluate(made or model)
                return self._evaluate(apply(model, Plan(edits), self._calibrator))

        return self._store.number(key, evaluate, f"{self._told}: {choice}")


def make_metric(
    told: Optional[str],
    store: MeasurementStore,
    calibrator: Optional[Calibrator],
    progress: Progress,
) -> Metric:
    """Return the score by what a user names: ``module:function``, a command, or None for labels.

    Raises:
        PlanError: There is neither a metric nor labels, or the function is not there.
    """
    # What forms are fitted to is a part of what is measured.
    fitted = f" on {calibrator.inputs.sha256}" if calibrator is not None else ""
    if told is None:
        if calibrator is None or calibrator.inputs.labels is None:
            raise PlanError(
                "score metric needs something to measure",
                remedy=Remedy("give {}, or labels with the inputs of {}", "metric", "calibrate"),
            )
        return Metric(Labels(calibrator), f"accuracy{fitted}", store, calibrator, progress)
    named = re.fullmatch(r"[\w.]+:[\w.]+", told)
    evaluate = _on_files(_function(told) if named else _command(told))
    return Metric(evaluate, f"{told}{fitted}", store, calibrator, progress)


class Labels:
    """The share of labels that a net gets right."""

    def __init__(self, calibrator: Calibrator) -> None:
        self._calibrator = calibrator

    def __call__(self, model: Model) -> float:
        """Return the share.

        Raises:
            VerificationError: No output, or more than one, holds class scores.
        """
        network = model.network()
        shapes = infer_shapes(network, weights=model.weights)
        outputs = {value.blob: value for value in network.outputs}
        sizes = {name: shapes[value] or () for name, value in outputs.items()}
        name = choose_scored(sizes, True, self._calibrator.task_output)
        assert name is not None
        labels = self._calibrator.inputs.labels
        assert labels is not None
        observer = _RightObserver(outputs[name], labels)
        self._calibrator.run([model], [observer])
        return observer.right / len(labels)


class _RightObserver:
    """Counts labels that are the best class."""

    def __init__(self, value: Value, labels: np.ndarray) -> None:
        self.right = 0
        self._value, self._labels, self._seen = value, labels, 0

    @property
    def sources(self) -> Iterable[ObservedValue]:
        """The class scores."""
        return (ObservedValue(self._value),)

    def add(self, seen: Seen) -> None:
        """Take in a batch; batches come in the order of the inputs."""
        scores = class_scores(seen[ObservedValue(self._value)])
        labels = self._labels[self._seen : self._seen + len(scores)]
        self.right += count_in_top(scores, labels, 1)
        self._seen += len(scores)


def _told(edits: Sequence[Edit]) -> str:
    """What is done to a model, in words if they are few."""
    told = [f"{edit.layer} {edit.method} {dict(edit.options)}" for edit in edits]
    return (
        told[0] if len(told) == 1 else f"{len(told)} edits {digest_of(told)}" if told else AS_IT_IS
    )


def _on_files(measure: Callable[[str, str], float]) -> Evaluate:
    def evaluate(model: Model) -> float:
        with scratch_folder() as folder:
            prototxt, weights = model.save(folder)[:2]
            return measure(str(prototxt), str(weights))

    return evaluate


def _function(told: str) -> Callable[[str, str], float]:
    module, name = told.split(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        remedy = "write module:function, as Python would import it from here"
        raise PlanError(f"metric {told}: {error}", remedy=remedy) from None

    def measure(prototxt: str, weights: str) -> float:
        return _number(told, found(prototxt, weights))

    return measure


def _command(told: str) -> Callable[[str, str], float]:
    def measure(prototxt: str, weights: str) -> float:
        files = {"{prototxt}": shlex.quote(prototxt), "{weights}": shlex.quote(weights)}
        command = told if "{weights}" in told else f"{told} {{prototxt}} {{weights}}"
        for place, file in files.items():
            command = command.replace(place, file)
        done = run_process(command, shell=True, env=outer_environment())
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            raise VerificationError(f"metric {told!r} failed: {last}")
        return _number(told, (done.stdout.split() or [""])[-1])

    return measure


def _number(told: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if number != number:
        raise VerificationError(f"metric {told!r} gave {value!r}, not a number")
    return number
