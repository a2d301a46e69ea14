"""What every engine is asked: whether it is there, what it can do, and to open a model.

To write an engine:

1. Make a module with one subclass of `Engine` under ``@register_engine``, and name the module under
   the entry point group ``netsurgery.engines`` of your package.
2. Say in ``capabilities`` what it can do. `Capability.FORWARD` is enough for inspecting, verifying,
   calibrating and proving; each other one is a method or two of your `Session`.
3. ``probe`` says whether it can be used here, ``unsupported`` which layer types it does not have,
   ``obstacles`` what it has but computes otherwise than Caffe, ``unheeded`` which fields it drops:
   only an engine that drops none may judge whether two nets are the same.
4. ``open`` loads a prototxt and a caffemodel and answers your `Session`. Layers never work in
   place in what it is given, forks' words are put into stock Caffe's where it lacks them, and
   weights come in a form that it reads. An engine that can crash runs in a process of its own.
   One that runs in another process does well to answer `Session.gather` itself, so that only what
   is looked at has to come from there.
5. An engine that trains says `Capability.SOLVE`, and answers a `TrainingSession` where
   ``open_training`` is asked for one.
6. Run ``netsurgery.testing.check_engine`` over it.
"""

from __future__ import annotations

import abc
import functools
from pathlib import Path
from typing import FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence

from netsurgery.engine.capabilities import Capability, listed
from netsurgery.engine.session import PathLike, Session
from netsurgery.engine.training_session import TrainingFiles, TrainingSession
from netsurgery.errors import EngineError
from netsurgery.network import Foreign, Layer, Network, foreign_to, lacking
from netsurgery.remembered import Remembered

CPU = "cpu"


class Probe(NamedTuple):
    """Whether an engine can be used here.

    Attributes:
        usable: It starts.
        version: The version it gives itself, or "".
        where: The folder or interpreter it was found in, or "".
        reason: Why it is not usable, or "".
        remedy: What the user can do about that, or "".
    """

    usable: bool
    version: str = ""
    where: str = ""
    reason: str = ""
    remedy: str = ""


class Obstacle(NamedTuple):
    """Why an engine does not run a net as Caffe does.

    Attributes:
        problem: What is wrong, in words that name the engine.
        layer: The layer that it is about.
        remedy: What the user can do about it.
    """

    problem: str
    layer: Layer
    remedy: str = "use another engine"

    def error(self, network: Network) -> EngineError:
        """Return it as an error that names the place in a network's file."""
        return EngineError(
            self.problem,
            file=network.prototxt.file,
            line=self.layer.text.line,
            layer=self.layer.name,
            remedy=self.remedy,
        )


class Engine(abc.ABC):
    """Something that runs Caffe models.

    Attributes:
        name: What users call it.
        preference: Where nobody names an engine, usable ones of a lower number come first.
        capabilities: What it can do.
        installation: The command by which a user gets it; "" where there is none.
        device: Where it runs: ``"cpu"``, or what it was told with `Capability.DEVICE`.
    """

    name: str
    preference: int = 2
    capabilities: FrozenSet[Capability] = frozenset({Capability.FORWARD})
    installation: str = ""
    device: str = CPU

    @functools.cached_property
    def found_out(self) -> Remembered:
        """What was found out about it by trials."""
        return Remembered(8)

    def can(self, *needs: Capability) -> bool:
        """Return whether it can do all of something."""
        return self.capabilities.issuperset(needs)

    def why_not(self, needs: Iterable[Capability]) -> str:
        """Say what of something it cannot do; "" where it can do all."""
        lacking = set(needs) - self.capabilities
        return f"cannot do this: {listed(lacking)}" if lacking else ""

    @abc.abstractmethod
    def probe(self) -> Probe:
        """Say whether this engine can be used. The first call takes about a second."""

    @abc.abstractmethod
    def unsupported(self, types: Iterable[str]) -> List[str]:
        """Return those of ``types`` (layer types, V2 spelling) that this engine cannot run.

        Raises:
            EngineError: The engine has to be asked, and is not usable.
        """

    def obstacles(self, network: Network) -> List[Obstacle]:
        """Return what keeps this engine from running a net as Caffe does; none: it does so.

        Layers of forks do not count that stock Caffe has under other names, as an engine is given
        these.

        Raises:
            EngineError: The engine has to be asked, and is not usable.
        """
        lacks = set(lacking(network, self.unsupported))
        return [
            Obstacle(f"{self.name} cannot run a layer of type {layer.type}", layer)
            for layer in network.layers
            if layer.type in lacks and not network.stands_in(layer)
        ]

    def unheeded(self, network: Network) -> Sequence[Foreign]:
        """Return the fields of a net that may change what it computes, and that this engine drops.

        An engine whose parser stops at what it does not know drops none.
        """
        return foreign_to(network)

    @abc.abstractmethod
    def open(
        self, prototxt: PathLike, weights: Optional[PathLike] = None, *, phase: str = "TEST"
    ) -> Session:
        """Load a model.

        Args:
            prototxt: The net.
            weights: Its ``.caffemodel``; without one, layers keep what their fillers give.
            phase: ``"TEST"``, or ``"TRAIN"`` where the engine can train.

        Raises:
            EngineError: The engine is not usable, or refuses the model; with its own words.
        """

    def reopen(
        self,
        session: Session,
        prototxt: PathLike,
        weights: Optional[PathLike] = None,
        *,
        phase: str = "TEST",
    ) -> Session:
        """Load a model in the place of another, whose session is over then.

        Engines that can do so keep the child process: to start one takes longer than to load a
        small net.

        Args:
            session: One that this engine has opened.
            prototxt: The net.
            weights: As in :meth:`open`.
            phase: As in :meth:`open`.

        Raises:
            EngineError: As :meth:`open`.
        """
        session.close()
        return self.open(prototxt, weights, phase=phase)

    def open_training(
        self,
        files: TrainingFiles,
        *,
        losses: Mapping[str, float],
        watched: Sequence[str] = (),
        seed: int = 0,
    ) -> TrainingSession:
        """Open a net with losses at its end, and the solver that trains it.

        Args:
            files: The net, its solver, its weights.
            losses: Loss blobs of the train net, and their weights in the total.
            watched: Other blobs of one number each that are to be reported, such as an accuracy.
            seed: What all that is drawn while it trains depends on.

        Raises:
            EngineError: The engine cannot train, is not usable, or refuses the net; with its own
                words.
        """
        raise EngineError(f"{self.name} cannot do this: {Capability.SOLVE}", file=files.train)


def check_files(*paths: Optional[PathLike]) -> None:
    """See that all ``paths`` (None is passed over) are files.

    Raises:
        EngineError: One is not.
    """
    for path in paths:
        if path is not None and not Path(path).is_file():
            raise EngineError("no such file", file=path)
