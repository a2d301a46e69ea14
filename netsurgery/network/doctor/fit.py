"""Whether a prototxt and weights belong together: what has to hold before any surgery."""

from __future__ import annotations

from typing import Iterator

from netsurgery.errors import NetworkError
from netsurgery.network.doctor.patient import Finding, Patient
from netsurgery.network.doctor.weights_checks import blob_counts, blob_shapes, missing_weights
from netsurgery.network.model import Model


def require_fit(model: Model, phase: str = "TEST") -> None:
    """See that the weights are those of the prototxt.

    Fields and layers of forks are no obstacle, nor are weights that nobody loads.

    Raises:
        NetworkError: A layer's blobs are missing, too many, or of another shape. The error
            names the first such layer, and how many more there are.
    """
    if model.weights is None:
        return
    found = list(_misfits(Patient(model, phase)))
    if not found:
        return
    first = found[0]
    more = f" (and {len(found) - 1} more)" if found[1:] else ""
    raise NetworkError(
        f"{first.problem}{more}",
        file=model.weights.file,
        layer=first.layer,
        remedy=f"{first.remedy}; see `netsurgery doctor`",
    )


def _misfits(patient: Patient) -> Iterator[Finding]:
    yield from blob_counts(patient)
    yield from blob_shapes(patient)
    yield from missing_weights(patient)
