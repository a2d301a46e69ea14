"""What makes a verdict doubtful before anything is run: inputs seen before, and too few of them."""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

from netsurgery.calibration import Inputs
from netsurgery.layers import MatrixProduct
from netsurgery.network import Model, infer_shapes
from netsurgery.surgery import Surgery

_TOLD = 3


def cautions_of(surgery: Surgery, calibration: Inputs, judged: Optional[Inputs]) -> Tuple[str, ...]:
    """Return what to be careful about, a line each.

    Args:
        surgery: What was done.
        calibration: What it was fitted to.
        judged: What it is judged by; None if that is random.
    """
    return (*_seen_before(calibration, judged), *_too_few(surgery, calibration))


def _seen_before(calibration: Inputs, judged: Optional[Inputs]) -> Iterator[str]:
    """Compare samples by what the net is fed, whatever files they are from."""
    if judged is None:
        return
    same = len(judged.contents & calibration.contents)
    if same:
        which = "all" if same == len(judged.contents) else f"{same} of the"
        yield (
            f"{which} {len(judged.contents)} inputs that it is judged by are among those that it "
            "was calibrated with: it will do worse on others"
        )


def _too_few(surgery: Surgery, calibration: Inputs) -> Iterator[str]:
    """Count the unknowns of each output that is fitted, and the rows that tell them."""
    short: List[str] = []
    for name in dict.fromkeys(_fitted(surgery)):
        product = _product(surgery.model, name) or _product(surgery.original, name)
        rows = len(calibration) * product.places if product else 0
        if product and rows < product.width:
            short.append(f"{name!r} has {product.width:,} for each output, and {rows:,} rows")
    if short:
        more = f" (and {len(short) - _TOLD} layers more)" if len(short) > _TOLD else ""
        yield (
            f"{len(calibration)} calibration inputs are fewer than the unknowns of what is fitted "
            f"to them: {'; '.join(short[:_TOLD])}{more}"
        )


def _fitted(surgery: Surgery) -> Iterator[str]:
    """Names of the layers whose weights were fitted to inputs."""
    for step in surgery.steps:
        edit = step.rewrite.edit
        if edit.method == "refit" or edit.options.get("fit"):
            yield edit.layer
        elif edit.options.get("compensate") == "patches":
            yield from (name for name in step.rewrite.weights if name != edit.layer)


def _product(model: Model, name: str) -> Optional[MatrixProduct]:
    network = model.network()
    shapes = infer_shapes(network, model.input_shapes, weights=model.weights)
    for layer in network.find(name):
        if layer.bottoms:
            return MatrixProduct.find(layer, shapes.get(layer.bottoms[0]))
    return None
