"""Whether a prototxt and weights belong together: what has to hold before any surgery."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable, Iterator, List

from netsurgery.errors import NetworkError
from netsurgery.network.doctor.checked_model import CheckedModel, Finding
from netsurgery.network.doctor.weights_checks import blob_counts, blob_shapes, missing_weights
from netsurgery.network.model import Model


def require_fit(model: Model, phase: str = "TEST") -> None:
    """See that the weights are those of the prototxt.

    Fields and layers of forks are no obstacle, nor are weights that nobody loads.

    Raises:
        NetworkError: A layer's blobs are missing, too many, or of another shape. The error
            names the first such layer, and how many more there are.
    """
    found = find_misfits(model, phase)
    if not found or model.weights is None:
        return
    first = found[0]
    more = f" (and {len(found) - 1} more)" if found[1:] else ""
    raise NetworkError(
        f"{first.problem}{more}",
        file=model.weights.file,
        layer=first.layer,
        remedy=f"{first.remedy}; see `netsurgery doctor`",
    )


def find_misfits(model: Model, phase: str = "TEST") -> List[Finding]:
    """Return all that says that the weights are not those of the prototxt."""
    return list(_misfits(CheckedModel(model, phase))) if model.weights else []


def require_inputs(
    model: Model, phase: str = "TEST", level: int = 0, stages: Iterable[str] = ()
) -> None:
    """See that the net has the inputs whose shapes are given, and takes these shapes.

    Raises:
        NetworkError: It does not; names the layer that would refuse.
    """
    if not model.input_shapes:
        return
    network, _ = model.network_and_problems(phase, level, stages)
    for name in model.input_shapes:
        if name not in network.given:
            sources = sorted({value.blob for value in network.values if network.is_source(value)})
            raise NetworkError(
                f"{name!r} is not an input of the network",
                file=model.prototxt.file,
                remedy=f"its inputs are {', '.join(sources) or 'none'}",
            )
    known = troubles_of(CheckedModel(replace(model, input_shapes={}), phase))
    for trouble in troubles_of(CheckedModel(model, phase)):
        if trouble not in known:
            given = " ".join(f"{k}={','.join(map(str, v))}" for k, v in model.input_shapes.items())
            raise NetworkError(
                f"does not fit an input of {given}: {trouble.problem}",
                file=model.prototxt.file,
                layer=trouble.layer,
                line=trouble.line,
                remedy="give the shape that the net was trained on",
            )


def troubles_of(checked: CheckedModel) -> List[Finding]:
    """Return all that would keep Caffe from running a model: of its graph, shapes and weights."""
    found = [Finding.of(problem) for problem in checked.problems]
    return found + (list(_misfits(checked)) if checked.weights else [])


def _misfits(checked: CheckedModel) -> Iterator[Finding]:
    yield from blob_counts(checked)
    yield from blob_shapes(checked)
    yield from missing_weights(checked)
