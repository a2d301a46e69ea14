"""A net with losses and its solver, opened in an engine that steps it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, Tuple

from netsurgery.calibration import in_words_of, place_weights, renamed
from netsurgery.engine import Engine, TrainingFiles, TrainingSession
from netsurgery.errors import EngineError
from netsurgery.formats import Prototxt, scratch_folder
from netsurgery.network import Model, Value, take_apart, with_open_batch
from netsurgery.training.solver_settings import SolverSettings, solver_text
from netsurgery.training.training_net import TrainingNet


@contextmanager
def open_training(
    net: TrainingNet, settings: SolverSettings, engine: Engine, seed: int = 0
) -> Iterator[TrainingSession]:
    """Open a net for training for the time of a ``with``.

    Args:
        net: The net; what is used of it later is open beside it, on the same numbers.
        settings: The solver.
        engine: Steps it.
        seed: Of what is random in the net.

    Raises:
        EngineError: The engine refuses it, or gives up.
    """
    with scratch_folder() as folder:
        files = _write(net, settings, engine, seed, Path(folder))
        watched = () if net.accuracy is None else (net.accuracy,)
        network = net.deploy.network()
        try:
            with engine.open_training(
                files, losses=net.losses, watched=watched, seed=seed
            ) as session:
                yield session
        except EngineError as error:
            for file in (files.train, files.test):
                renamed(error, str(file), network)
            raise


def evaluated(model: Model) -> Tuple[Prototxt, Dict[Value, str]]:
    """Return the text by which a net is open beside training, and the blob of each value in it."""
    return take_apart(with_open_batch(model.network()))


def _write(
    net: TrainingNet, settings: SolverSettings, engine: Engine, seed: int, folder: Path
) -> TrainingFiles:
    train, test = folder / "train.prototxt", folder / "test.prototxt"
    scratch = folder / "scratch"
    scratch.mkdir()
    network, model = net.deploy.network(), net.deploy
    training = Model(net.train).network("TRAIN")
    train.write_bytes(in_words_of(engine, training, net.train, model.weights).prototxt.data)
    plain = in_words_of(engine, network, evaluated(model)[0], model.weights)
    test.write_bytes(plain.prototxt.data)
    text = solver_text(settings, net=str(train), prefix=str(scratch / "snapshot"), seed=seed)
    weights = place_weights(plain.weights, network, engine, folder)
    assert weights is not None
    return TrainingFiles(train, text, test, weights, scratch)
