"""What calibration learns of a model by running inputs: streamed, never the activations."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from netsurgery.calibration.batching import MOST_BYTES, bytes_each
from netsurgery.calibration.gradients import GradientObserver, measure_gradients
from netsurgery.calibration.inputs import Inputs
from netsurgery.calibration.known_values import KnownValues
from netsurgery.calibration.measuring import ObservedValue, Observer, measure
from netsurgery.calibration.observers import (
    PLACES,
    ChannelObserver,
    OutputObserver,
    ProductObserver,
    RowObserver,
    Target,
)
from netsurgery.calibration.recall import recall_or_run
from netsurgery.calibration.replay import Replay
from netsurgery.calibration.running import has_large_weights
from netsurgery.calibration.session_pool import SessionPool, fit_side_by_side
from netsurgery.engine import EngineLike
from netsurgery.layers import MatrixProduct
from netsurgery.linalg import Moments
from netsurgery.measurements import FolderStore, MeasurementStore, code_version, digest_of
from netsurgery.network import ChannelGroup, Layer, Model, infer_shapes
from netsurgery.progress import Progress

FOLDER = "calibrator"
"""Where the folder that is given has what was learnt."""

WHOLE_BYTES = 2e9
"""What blobs of all inputs together may take for the parts of a net to be run alone."""

STEPS_KEPT = 256e6
"""Bytes kept of what models made, from one step of a rewriting to the next."""


class Calibrator:
    """Runs a set of inputs through models, and answers what their layers saw.

    What was learnt of a model is kept; nothing grows with the number of inputs.

    Attributes:
        inputs: The inputs.
        engine: The engine that runs them, or its name, or None for the first that can.
        seed: Chooses the windows that are looked at.
        task_output: The output that labels are for, where several hold class scores.
        cache: What was learnt in earlier runs, or None.
        sessions: Where models stay open from one run to the next.
        places: How many windows of each input layers are looked at in.
        most_bytes: What all blobs of a model may take.
        enough: How many times as many rows as unknowns a fit is given at most; None: all.
        progress: Told how many inputs were run; None: nobody is.
    """

    def __init__(
        self,
        inputs: Inputs,
        engine: EngineLike = None,
        seed: int = 0,
        progress: Optional[Progress] = None,
        task_output: Optional[str] = None,
        cache: Union[str, Path, MeasurementStore, None] = None,
        places: int = PLACES,
        most_bytes: float = MOST_BYTES,
        enough: Optional[int] = None,
    ) -> None:
        """Choose what is run, and how.

        Args:
            inputs: The inputs.
            engine: The engine that runs them, or its name, or None for the first that can.
            seed: Chooses the windows that are looked at.
            progress: Told how many inputs were run.
            task_output: The output that labels are for, where several hold class scores.
            cache: A folder, or a store, to keep what is learnt for other runs.
            places: How many windows of each input layers are looked at in.
            most_bytes: What all blobs of a model may take: says how many inputs run at a time.
            enough: How many times as many rows as unknowns a fit is given at most; None: all.
        """
        self.inputs, self.engine, self.seed = inputs, engine, seed
        self.places, self.most_bytes, self.enough = places, most_bytes, enough
        self.task_output = task_output
        if isinstance(cache, (str, Path)):
            cache = FolderStore(Path(cache) / FOLDER)
        self.cache: Optional[MeasurementStore] = cache
        self.progress = progress
        self._products: Dict[str, Moments] = {}
        self._channels: Dict[str, ChannelObserver] = {}
        self._gradients: Dict[str, GradientObserver] = {}
        self._model: Optional[Model] = None
        self.sessions = SessionPool()
        self._known = KnownValues()
        self._replay: Optional[Replay] = None
        self._steps: Optional[Replay] = None

    def run(
        self, models: Sequence[Model], observers: Sequence[Observer], in_steps: bool = False
    ) -> None:
        """Run models side by side over all inputs, once, for observers to look at.

        Args:
            models: The models; all are fed the same.
            observers: What looks at them.
            in_steps: Whether they run again, changed behind what is looked at: only what changed
                is run then, if all that they make fits.

        Raises:
            EngineError: There is no engine, or it refuses a model.
        """
        replay = self._replay
        if replay is None and in_steps and self._fit_whole(models):
            self._steps = self._steps or self._remembered(STEPS_KEPT, True)
            replay = self._steps
        if replay is not None and replay.run(models, observers, self.engine):
            return
        if not fit_side_by_side(models):
            self._steps = None
        how = self.progress, self.sessions, self.most_bytes, self._known
        measure(models, self.inputs, observers, self.engine, *how)

    def _remembered(self, most_bytes: float = np.inf, rewritten: bool = False) -> Replay:
        """Return what remembers what models make of the inputs."""
        return Replay(self.inputs, self.sessions, most_bytes, rewritten, self.progress)

    def _fit_whole(self, models: Sequence[Model]) -> bool:
        """Whether all that models make of all inputs is little enough for steps."""
        sizes = [bytes_each(model.network(), self.inputs) for model in models]
        return all(size and size * len(self.inputs) <= WHOLE_BYTES for size in sizes)

    def products(self, model: Model, layers: Iterable[Layer]) -> Dict[str, Moments]:
        """Return the moments of the rows that layers read, in the groups of a convolution.

        Args:
            model: The model to run.
            layers: Its Convolution and InnerProduct layers, all in one run.

        Raises:
            NetworkError: A layer is of another type.
            EngineError: There is no engine, or it refuses the model.
        """
        self._remember(model)
        layers = list(layers)
        shapes = infer_shapes(model.network(), weights=model.weights)
        observers = {}
        for layer in layers:
            if layer.name not in self._products:
                product = MatrixProduct.of(layer, shapes[layer.bottoms[0]] or ())
                source = ObservedValue(layer.bottoms[0])
                observers[layer.name] = ProductObserver(
                    product, source, None, self.seed, self.places
                )
        self.learn(
            [model], {digest_of("products", name): observer for name, observer in observers.items()}
        )
        self.make_way(model, *layers)
        self._products.update((name, observer.moments) for name, observer in observers.items())
        return {layer.name: self._products[layer.name] for layer in layers}

    def outputs(self, model: Model, layers: Iterable[Layer]) -> Dict[str, Moments]:
        """Return the moments of the rows that layers make, in the groups of a convolution.

        Those of outputs are smaller than those of inputs, as a window has more inputs than outputs.

        Args:
            model: The model to run.
            layers: Its Convolution and InnerProduct layers, all in one run.

        Raises:
            NetworkError: A layer is of another type.
            EngineError: There is no engine, or it refuses the model.
        """
        layers = list(layers)
        shapes = infer_shapes(model.network(), weights=model.weights)
        observers = {
            layer.name: OutputObserver(
                MatrixProduct.of(layer, shapes[layer.bottoms[0]] or ()),
                ObservedValue(layer.tops[0]),
                seed=self.seed,
                places=self.places,
            )
            for layer in layers
        }
        self.learn(
            [model], {digest_of("outputs", name): observer for name, observer in observers.items()}
        )
        self.make_way(model, *layers)
        return {name: observer.moments for name, observer in observers.items()}

    def channels(self, model: Model, groups: Iterable[ChannelGroup]) -> Dict[str, ChannelObserver]:
        """Return what the channels of groups hold where other layers read them, all in one run.

        Raises:
            EngineError: There is no engine, or it refuses the model.
        """
        self._remember(model)
        groups = list(groups)
        missing = {g.name: ChannelObserver(g) for g in groups if g.name not in self._channels}
        asked = {group.name: _asked("channels", group) for group in groups}
        self.learn([model], {asked[name]: observer for name, observer in missing.items()})
        self._channels.update(missing)
        return {group.name: self._channels[group.name] for group in groups}

    def gradients(
        self, model: Model, groups: Iterable[ChannelGroup]
    ) -> Dict[str, GradientObserver]:
        """Return what the loss would do without each channel, to first order, all in one run.

        Raises:
            EngineError: There is no engine with gradients, or it refuses the model.
            PlanError: The net has no loss, and no class scores to compute one from.
        """
        self._remember(model)
        groups = list(groups)
        missing = {
            g.name: GradientObserver(model, g) for g in groups if g.name not in self._gradients
        }
        judged = (self.task_output, self.inputs.labels)
        asked = {group.name: _asked("gradients", group, *judged) for group in groups}
        self.learn(
            [model],
            {asked[name]: observer for name, observer in missing.items()},
            lambda observers: measure_gradients(
                model,
                self.inputs,
                observers,
                self.engine,
                self.task_output,
                self.progress,
                self.sessions,
            ),
        )
        self._gradients.update(missing)
        return {group.name: self._gradients[group.name] for group in groups}

    def targets(
        self, model: Model, layer: Layer, original: Model, target: Target, made: bool = False
    ) -> Moments:
        """Return the moments of what a layer reads in one model and should make as in another.

        Args:
            model: The model with the layer; number 0 in ``target``.
            layer: A Convolution or InnerProduct.
            original: The model that tells what should come out; number 1.
            target: What should come out.
            made: Whether to look at what the layer makes, in place of what it reads.
        """
        shapes = infer_shapes(model.network(), weights=model.weights)
        product = MatrixProduct.of(layer, shapes[layer.bottoms[0]] or ())
        kind = OutputObserver if made else ProductObserver
        source = ObservedValue((layer.tops if made else layer.bottoms)[0])
        places = self.places if made else self.places_to_fit(product)
        observer = kind(product, source, target, self.seed, places)
        asked = digest_of("outcomes" if made else "targets", layer.name, target)
        models = [model, original]
        self.learn(models, {asked: observer}, lambda found: self.run(models, found, in_steps=True))
        self.make_way(model, layer)
        return observer.moments

    def make_way(self, model: Model, *layers: Layer) -> None:
        """Close large models before large layers are cut, which takes several times their size."""
        if any(has_large_weights(model, layer.name) for layer in layers):
            self.sessions.make_way()

    def places_to_fit(self, product: MatrixProduct) -> int:
        """Return how many windows of each input a layer is looked at in to be fitted."""
        if self.enough is None:
            return self.places
        return min(self.places, -(-self.enough * product.width // len(self.inputs)))

    def rows(
        self, model: Model, layer: Layer, original: Model, target: Target
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return some rows that a layer makes in one model, and what it should make as in another.

        Args:
            model: The model with the layer; number 0 in ``target``.
            layer: A Convolution or InnerProduct.
            original: The model that tells what should come out; number 1.
            target: What should come out.

        Returns:
            Both of shape (at most `ROWS`, outputs), float32; every row is as likely as the other.
        """
        shapes = infer_shapes(model.network(), weights=model.weights)
        product = MatrixProduct.of(layer, shapes[layer.bottoms[0]] or ())
        outputs = sum(map(len, product.matrices(model.blobs(layer.name)[0].array())))
        source = ObservedValue(layer.tops[0])
        observer = RowObserver(product, source, target, outputs, self.seed, self.places)
        models, asked = [model, original], digest_of("rows", layer.name, target)
        self.learn(models, {asked: observer}, lambda found: self.run(models, found, in_steps=True))
        self.make_way(model, layer)
        return observer.rows[: observer.count], observer.targets[: observer.count]

    def spread(self, count: int) -> Calibrator:
        """Return statistics of ``count`` inputs, spread evenly, run and kept in the same way."""
        return self.of(self.inputs.spread(count))

    def of(
        self,
        inputs: Inputs,
        places: Optional[int] = None,
        most_bytes: Optional[float] = None,
        enough: Optional[int] = None,
    ) -> Calibrator:
        """Return statistics of other inputs, run and kept in the same way.

        Args:
            inputs: The inputs.
            places: How many windows of each layers are looked at in; as many as here if None.
            most_bytes: What all blobs of a model may take, as here if None. If it is given, what
                models make is remembered, and runs begin behind it.
            enough: How many times as many rows as unknowns a fit is given at most, as here if None.
        """
        others = Calibrator(
            inputs,
            self.engine,
            self.seed,
            self.progress,
            task_output=self.task_output,
            places=places or self.places,
            most_bytes=most_bytes or self.most_bytes,
            enough=enough or self.enough,
        )
        others.cache, others.sessions = self.cache, self.sessions
        if most_bytes:
            others._replay = others._remembered()
        return others

    def beside(self, own_sessions: bool = True) -> Calibrator:
        """Return what runs the same inputs, also at the same time, and keeps nothing in files.

        What a model made is remembered by both.

        Args:
            own_sessions: Whether it opens models by itself, as for another thread; whoever asks for
                it closes its ``sessions`` then.
        """
        other = self.of(self.inputs)
        other.cache, other._known = None, self._known
        if own_sessions:
            other.sessions = SessionPool(self.sessions.most_bytes)
        if self._replay is not None:
            other._replay = other._remembered()
        return other

    def learn(
        self,
        models: Sequence[Model],
        observers: Mapping[str, Any],
        run: Optional[Callable[[List[Any]], object]] = None,
    ) -> None:
        """Fill observers from the cache, and those it does not know by a run.

        Args:
            models: The models; all are fed the same.
            observers: By what they are asked, as `netsurgery.measurements.digest_of` says it; what
                they learn are their public attributes.
            run: Called with those that are not known, in place of `run`.

        Raises:
            EngineError: There is no engine, or it refuses a model.
        """
        if not observers:
            return
        run = run or partial(self.run, models)
        if self.cache is None:
            run(list(observers.values()))
            return
        how = (self.seed, self.places, self.most_bytes, self.enough)
        key = digest_of(code_version(), self.inputs, _named(self.engine), how, list(models))
        names = ", ".join(dict.fromkeys(model.network().name or "a net" for model in models))
        recall_or_run(self.cache, key, observers, run, f"{names} on {self.inputs.description}")

    def _remember(self, model: Model) -> None:
        """Forget what is known of another model."""
        if self._model is not model:
            self._model, self._products, self._channels, self._gradients = model, {}, {}, {}


def _asked(what: str, group: ChannelGroup, *more: object) -> str:
    cuts = [(cut.value, cut.axis, cut.axes, cut.channels) for cut in group.values]
    return digest_of(what, group.name, cuts, *more)


def _named(engine: EngineLike) -> object:
    """An engine as it was asked for: one may have been told where to find a fork."""
    if engine is None or isinstance(engine, str):
        return engine
    return engine.name, sorted(vars(engine).items())
