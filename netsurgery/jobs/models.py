"""The models that jobs take: open already, or the files they are in."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Optional, Sequence, Tuple, Union

from netsurgery.errors import Remedy
from netsurgery.jobs.names import PathLike
from netsurgery.network import Model, load, require_inputs

if TYPE_CHECKING:
    from netsurgery.engine import Engine, EngineLike

ModelLike = Union[Model, PathLike, Tuple[PathLike, PathLike]]
"""A model, the path of a prototxt, or those of a prototxt and its weights."""


def open_model_like(
    model: ModelLike, phase: str = "TEST", level: int = 0, stages: Sequence[str] = ()
) -> Model:
    """Return a model, read if need be, whose given input shapes are those of inputs it has.

    Args:
        model: The model, or its files.
        phase: Phase, level and stages in which the inputs are there.
        level: See there.
        stages: See there.

    Raises:
        FormatError: A file is not what it should be.
        NetworkError: A shape is given for what is no input, or the net cannot take it.
    """
    if not isinstance(model, Model):
        model = load(model) if isinstance(model, (str, os.PathLike)) else load(*model)
    require_inputs(model, phase, level, stages)
    return model


def note_on_phases(model: Model, deploy: bool) -> Optional[Remedy]:
    """Return what to tell of the layers that Caffe does not build for TEST; None: there are none.

    Args:
        model: The model as it was read.
        deploy: Whether these layers are left out of what is made of it.
    """
    from netsurgery.network import other_phases

    others = ", ".join(f"{text.name} ({text.type})" for text in other_phases(model.prototxt))
    if not others:
        return None
    others = others.replace("{", "{{").replace("}", "}}")
    if deploy:
        return Remedy(f"left out, as Caffe does not build it for TEST: {others}")
    return Remedy(
        f"note: {others}: not built for TEST, but some tools read such layers as a part of the "
        "net; {} leaves them out",
        "deploy",
    )


def deployed(model: Model, deploy: bool) -> Model:
    """Return a model, with ``deploy`` without the layers that Caffe does not build for TEST."""
    if not deploy:
        return model
    from netsurgery.network import other_phases, without_other_phases

    if not other_phases(model.prototxt):
        return model
    return replace(model, prototxt=without_other_phases(model.prototxt))


def engine_of(engine: EngineLike) -> Optional[Engine]:
    """Return the engine that is asked for, or None where none is.

    Raises:
        EngineError: There is none of that name.
    """
    from netsurgery.engine import requested_engine

    return requested_engine(engine) if isinstance(engine, str) else engine
