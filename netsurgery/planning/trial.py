"""Try a change: fit the layers behind it, and see how far the outputs are from the original's."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from netsurgery.calibration import Calibrator
from netsurgery.measurements import digest_of
from netsurgery.methods import Origin
from netsurgery.network import Model, Value
from netsurgery.planning.distances import Distance, DistanceObserver
from netsurgery.planning.downstream import fit_in_turn


def try_change(
    original: Model,
    changed: Model,
    names: Sequence[str],
    distances: Sequence[Distance],
    calibrator: Calibrator,
    origins: Optional[Mapping[Value, Origin]] = None,
) -> DistanceObserver:
    """Return what a change does to the outputs of a net once the layers behind it are fitted.

    Args:
        original: The net.
        changed: The same with something cut.
        names: Layers to fit, in their order, to what they make in the original.
        distances: What is compared.
        calibrator: Runs inputs.
        origins: Where values of the changed net stood in the original.

    Raises:
        PlanError: A layer cannot be fitted.
        EngineError: There is no engine, or it refuses a model.
    """
    fitted = fit_in_turn(original, changed, names, calibrator, origins or {})
    observer = DistanceObserver(distances)
    calibrator.learn([original, fitted], {digest_of("distance of", distances): observer})
    return observer
