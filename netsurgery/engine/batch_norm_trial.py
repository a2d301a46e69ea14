"""Whether an engine trains layers that normalise by the statistics of a batch, found by a trial."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

import numpy as np

from netsurgery.engine.base import Engine
from netsurgery.engine.capabilities import Capability
from netsurgery.errors import EngineError
from netsurgery.formats import render, scratch_folder

_GIVEN = (1.0, 2.0, 3.0, 4.0)
# (x - 2.5) / sqrt(1.25 + eps), in each pass, and the sums of means that are kept: the latest with
# weight 1, the one before with 0.999 (BVLC's batch_norm_layer.cpp).
_NORMALISED = (-1.34163547, -0.447211832, 0.447211832, 1.34163547)
_KEPT = (2.5, 4.9975)
_NOISE = 1e-4
"""Numbers around one in float32, and an eps of 1e-5 that some add elsewhere."""


def why_no_batch_statistics(engine: Engine) -> str:
    """Say why an engine cannot train a BatchNorm that takes the statistics of each batch.

    It runs one that way, twice on four numbers, and looks at what comes out and what is kept. The
    answer stays with the engine.

    Returns:
        The reason; "" where it does what BVLC's Caffe does.

    Raises:
        EngineError: The engine is not usable.
    """
    return engine.found_out.get("batch statistics", lambda: _found(engine))


def _found(engine: Engine) -> str:
    problem = engine.why_not((Capability.TRAIN, Capability.READ_PARAMETERS))
    if problem:
        return f"{engine.name} {problem}"
    probe = engine.probe()
    if not probe.usable:
        raise EngineError(f"{engine.name} cannot be used here: {probe.reason}", remedy=probe.remedy)
    try:
        passes = _tried(engine)
    except EngineError as error:
        return f"{engine.name} runs no such layer: {error.problem}"
    for (normalised, kept), expected in zip(passes, _KEPT):
        if not np.allclose(normalised, _NORMALISED, atol=_NOISE):
            return (
                f"{engine.name} takes no statistics of a batch: a BatchNorm of"
                f" {_shown(_GIVEN)} gives {_shown(normalised)}"
            )
        if not np.allclose(kept, expected, atol=_NOISE):
            return (
                f"{engine.name} keeps no statistics of batches: a BatchNorm of"
                f" {_shown(_GIVEN)} keeps a sum of {kept:.4g}, which is to be {expected:.4g}"
            )
    return ""


def _tried(engine: Engine) -> List[Tuple[np.ndarray, float]]:
    """What comes out of each pass, and the sum of the means that is kept then."""
    passes = []
    given = np.array(_GIVEN, np.float32).reshape(4, 1)
    with scratch_folder() as folder:
        prototxt = Path(folder) / "trial.prototxt"
        prototxt.write_bytes(render("batch_norm_trial", {}))
        with engine.open(prototxt, phase="TRAIN") as session:
            for _ in _KEPT:
                (normalised,) = session.forward({"given": given}).values()
                ((sums, *_),) = session.parameters().values()
                passes.append((normalised.ravel(), float(np.ravel(sums)[0])))
    return passes


def _shown(numbers: object) -> str:
    return ", ".join(f"{number:.4g}" for number in np.ravel(numbers))
