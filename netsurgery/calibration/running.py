"""A model that is open in an engine, with every value of its graph in reach."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Iterator, Mapping, Optional, Sequence, Set, Tuple

import numpy as np

from netsurgery.calibration.batching import MOST_BYTES, input_shapes, largest_batch
from netsurgery.calibration.inputs import Batch, Inputs
from netsurgery.engine import Capability, Engine, Session
from netsurgery.errors import EngineError
from netsurgery.formats import (
    Prototxt,
    Weights,
    WholeFile,
    convert_weights,
    in_float32,
    scratch_folder,
)
from netsurgery.network import (
    Model,
    Network,
    Translation,
    Value,
    in_stock_form,
    in_stock_words,
    is_otherwise,
    owners_of_shared,
    take_apart,
    with_open_batch,
)

LARGE = 64e6
"""Bytes of weights beyond which a model is large."""
Look = Tuple[Value, Optional[np.ndarray]]
"""A value, and the positions at which it is looked at; None: at all."""


@dataclass(frozen=True)
class Runner:
    """A model that is open in an engine.

    Its layers do not compute in place any more, so that no value is overwritten, but where it was
    opened to be timed.

    Attributes:
        network: The graph of the model as it was given.
        session: The model in the engine.
        names: The blob of the session that holds each value.
        file: What the engine calls the prototxt.
        weights: The weights as the engine was given them, see `given_weights`.
        part: The part of the network that is open, if it is not the whole.
    """

    network: Network
    session: Session
    names: Mapping[Value, str]
    file: str
    weights: Optional[Weights] = None
    part: Optional[Network] = None

    @property
    def fed(self) -> Network:
        """What the session is fed as: the network, or that part of it which is open."""
        return self.part or self.network

    def run(self, batch: Batch, values: Mapping[str, Value]) -> dict[str, np.ndarray]:
        """Return the chosen values for a batch, without the rows of repeated samples.

        Args:
            batch: What to feed.
            values: The values wanted, by any name.

        Raises:
            EngineError: The engine gave up.
        """
        blobs = self.session.forward(batch.inputs, [self.names[value] for value in values.values()])
        return {name: batch.cut(blobs[self.names[value]]) for name, value in values.items()}

    def look(self, batch: Batch, wanted: Sequence[Look]) -> list[np.ndarray]:
        """Return values for a batch, or what they hold at some positions, see `Session.gather`.

        Args:
            batch: What to feed.
            wanted: Values, each with the positions wanted; None for all.

        Raises:
            EngineError: The engine gave up.
        """
        blobs = [(self.names[value], at) for value, at in wanted]
        return [batch.cut(array) for array in self.session.gather(batch.inputs, blobs)]

    def shape(self, value: Value) -> tuple[int, ...]:
        """Return the shape of a value for the inputs that the net declares."""
        return self.session.blobs[self.names[value]]


def load_model(
    engine: Engine, model: Model, session: Optional[Session] = None, *, in_place: bool = False
) -> Runner:
    """Open a model in an engine.

    Args:
        engine: The engine.
        model: The model.
        session: One of that engine that is not needed any more, whose child process will do.
        in_place: Leave layers that compute in place as they are; of a blob, only the last value
            is in reach then.

    Raises:
        EngineError: The engine refuses the model.
    """
    network = model.network()
    if in_place:
        stock = in_stock_form(network)
        text, names = stock.prototxt, {value: value.blob for value in network.values}
    else:
        # The batch that a text writes out is the one its author fed.
        stock, (text, names) = network, take_apart(with_open_batch(network))
    plain = in_words_of(engine, stock, text, model.weights)
    with scratch_folder() as folder:
        prototxt = Path(folder) / "net.prototxt"
        prototxt.write_bytes(plain.prototxt.data)
        whole = None if in_place else find_whole_file(plain, stock, engine)
        is_set = whole is None and _is_set(engine, model, plain.weights)
        if whole:
            weights: Optional[Path] = Path(whole.path)
        else:
            weights = None if is_set else place_weights(plain.weights, stock, engine, Path(folder))
        try:
            if session is None:
                session = engine.open(prototxt, weights)
            else:
                session = engine.reopen(session, prototxt, weights)
            if plain.weights is not None and (whole or is_set):
                _set_others(session, plain.weights, whole)
        except EngineError as error:
            raise renamed(error, str(prototxt), network) from None
        return Runner(network, session, names, str(prototxt), plain.weights)


def is_large(model: Model) -> bool:
    """Whether the weights of a model are so large that to load them takes time and memory."""
    return model.weights is not None and 4 * model.weights.count > LARGE


def has_large_weights(model: Model, layer: str) -> bool:
    """Whether the weights of one layer are so large."""
    return 4 * sum(blob.count for blob in model.blobs(layer)) > LARGE


def _is_set(engine: Engine, model: Model, weights: Optional[Weights]) -> bool:
    """Whether weights are set in the open net, where no file holds them: it would be read twice."""
    return (
        is_large(model)
        and weights is not None
        and weights.file is None
        and engine.can(Capability.SET_PARAMETERS)
    )


def _set_others(session: Session, weights: Weights, whole: Optional[WholeFile]) -> None:
    """Set the weights that are not those of the file that was loaded; all if there was none.

    Raises:
        EngineError: They are not of as many numbers in the engine.
    """
    others = others_than(weights, whole)
    found = {}
    for name, shapes in session.parameter_shapes.items() if others else ():
        blobs = weights.blobs(name) if name in others else ()
        counts = [blob.count for blob in blobs], [math.prod(shape) for shape in shapes]
        if blobs and counts[0] != counts[1]:
            raise EngineError(
                f"its blobs hold {counts[0]} numbers, and {counts[1]} in the net", layer=name
            )
        if blobs:
            found[name] = [blob.reshape(shape) for blob, shape in zip(blobs, shapes)]
    if found:
        session.set_parameters(found)


def find_whole_file(given: Translation, network: Network, engine: Engine) -> Optional[WholeFile]:
    """Return the user's own file if an engine can load it, and be told by the way what is new.

    A copy of what is large takes as long to write as to load. The file must be as it was, and every
    layer of it that the net has must have the shapes that it has now; then what was changed can be
    set once the net is open.

    Args:
        given: The net in the engine's words, with its weights.
        network: The net.
        engine: The engine.
    """
    weights = given.weights
    whole = weights.whole_file if weights else None
    if weights is None or whole is None or 4 * weights.count < LARGE:
        return None
    if weights.format != "caffemodel" or network.shared_parameters or not whole.is_as_it_was():
        return None
    if not engine.can(Capability.FLOAT16) and _has_half(weights):
        return None
    if not engine.can(Capability.SET_PARAMETERS) and others_than(weights, whole):
        return None
    held = {layer.name: [blob.shape for blob in layer.blobs] for layer in whole.layers}
    now = {one.name: [blob.shape for blob in one.blobs] for one in weights.layers}
    alone = len(held) == len(whole.layers) and len(now) == len(weights.layers)
    built = {layer.name for layer in network.layers}
    fits = all(now.get(name) == held[name] for name in built & held.keys())
    return whole if alone and fits else None


def others_than(weights: Weights, whole: Optional[WholeFile]) -> Set[str]:
    """Return the layers whose weights are not those of a file."""
    held = {layer.name: layer for layer in whole.layers} if whole else {}
    return {one.name for one in weights.layers if one.blobs and held.get(one.name) is not one}


def _has_half(weights: Weights) -> bool:
    return any(a is not b for a, b in zip(in_float32(weights).layers, weights.layers))


def given_weights(engine: Engine, model: Model) -> Optional[Weights]:
    """Return the weights of a model as an engine that lacks a fork's layers is given them."""
    network = model.network()
    return in_words_of(engine, network, take_apart(network).prototxt, model.weights).weights


def in_words_of(
    engine: Engine, network: Network, prototxt: Prototxt, weights: Optional[Weights]
) -> Translation:
    """Return a net in words that the engine knows, see `netsurgery.network.stock`.

    Args:
        engine: The engine.
        network: The net.
        prototxt: Its text, or that of the net taken apart.
        weights: Its weights.
    """
    if not is_otherwise(network):
        return Translation(prototxt, weights)
    state = network.state
    given = Network.of(prototxt, state.phase, state.level, state.stages)
    return in_stock_words(given, weights, engine.unsupported)


@contextlib.contextmanager
def users_names(runners: Sequence[Runner]) -> Iterator[None]:
    """Name the user's file in errors of engines, not the temporary one that they were given."""
    try:
        yield
    except EngineError as error:
        for runner in runners:
            renamed(error, runner.file, runner.network)
        raise


def renamed(error: EngineError, file: str, network: Network) -> EngineError:
    """Return an error that names the user's file where it named the one given to the engine."""
    if error.file == file:
        error.file, error.line, error.column = network.prototxt.file, None, None
    return error


def common_batch(
    inputs: Inputs,
    *networks: Network,
    most_bytes: float = MOST_BYTES,
    wanted: Optional[Sequence[Collection[Value]]] = None,
) -> tuple[int, bool]:
    """Return how many samples to feed several nets at once, and whether fewer would do too.

    Args:
        inputs: What they are fed.
        networks: The nets.
        most_bytes: What all blobs of one may take.
        wanted: The values of each that are looked at; the outputs if None.
    """
    looked_at: Sequence[Optional[Collection[Value]]] = wanted or [None] * len(networks)
    sizes = [
        largest_batch(network, inputs, most_bytes, values)
        for network, values in zip(networks, looked_at)
    ]
    for network, size in zip(networks, sizes):
        if size is None:
            return next(iter(input_shapes(network).values()))[0], False
    return min(size for size in sizes if size is not None), True


def place_weights(
    weights: Optional[Weights], network: Network, engine: Engine, folder: Path
) -> Optional[Path]:
    """Write weights in a form that an engine can read.

    Args:
        weights: The weights; None: nothing is written.
        network: The net that they belong to.
        engine: The engine.
        folder: Where the file comes.

    Returns:
        The file.
    """
    if weights is None:
        return None
    if weights.format == "hdf5" and not engine.can(Capability.HDF5):
        weights = convert_weights(weights, "caffemodel", shared=owners_of_shared(network))
    if weights.format == "caffemodel" and not engine.can(Capability.FLOAT16):
        weights = in_float32(weights)  # NVIDIA's float16 is nothing to stock Caffe
    path = folder / "net.caffemodel"
    weights.write(path)
    return path
