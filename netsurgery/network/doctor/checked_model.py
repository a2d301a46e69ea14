"""What is examined, and what is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Optional, Tuple

from netsurgery.errors import NetsurgeryError, NetworkError
from netsurgery.formats import Prototxt, Weights
from netsurgery.layers import Layer, Shape
from netsurgery.network.model import Model
from netsurgery.network.shapes import parameter_shapes, trace_shapes


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a model, or good to know.

    Attributes:
        severity: ``"error"``: stock Caffe refuses the model. ``"warning"``: it takes it, and
            computes something else than was meant. ``"note"``: good to know.
        layer: The layer, or None if it is about the whole model.
        problem: What is wrong.
        remedy: What to do about it.
        line: Line in the prototxt, if it is about a place there.
    """

    severity: str
    layer: Optional[str]
    problem: str
    remedy: Optional[str] = None
    line: Optional[int] = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line else ""
        owner = f"layer {self.layer!r}: " if self.layer is not None else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.severity}: {place}{owner}{self.problem}{remedy}"

    @classmethod
    def of(cls, error: NetsurgeryError) -> Finding:
        """The finding that Caffe refuses what one of our errors is about."""
        return cls("error", error.layer, error.problem, error.remedy, error.line)


class CheckedModel:
    """A model with all that is known of it, also where Caffe would have given up.

    Attributes:
        prototxt: Its text.
        weights: Its weights, or None.
        network: Its graph as far as it goes.
        shapes: The shapes of its values, None where not known.
        problems: What Caffe would refuse while building the network.
    """

    def __init__(self, model: Model, phase: str) -> None:
        self.prototxt: Prototxt = model.prototxt
        self.weights: Optional[Weights] = model.weights
        self.network, wiring = model.network_and_problems(phase)
        self.shapes, shaping = trace_shapes(self.network, weights=model.weights)
        self.problems: Tuple[NetworkError, ...] = wiring + shaping
        self._blobs: Dict[int, Optional[Tuple[Shape, ...]]] = {}

    def blobs(self, layer: Layer) -> Optional[Tuple[Shape, ...]]:
        """Shapes of the blobs Caffe creates for a layer; None where they are not known."""
        if layer.index not in self._blobs:
            bottoms = [self.shapes[value] for value in layer.bottoms]
            try:
                self._blobs[layer.index] = parameter_shapes(layer, bottoms)
            except NetworkError:  # It is among the problems.
                self._blobs[layer.index] = None
        return self._blobs[layer.index]


Check = Callable[[CheckedModel], Iterator[Finding]]
CHECKS: List[Check] = []


def check(function: Check) -> Check:
    """Register a check; they run in the order in which they are registered."""
    CHECKS.append(function)
    return function


def about(layer: Layer, severity: str, problem: str, remedy: Optional[str] = None) -> Finding:
    """A finding about a layer, with its line."""
    return Finding(severity, layer.name, problem, remedy, layer.text.line)


def listed(names: List[str], most: int = 5) -> str:
    """The first few of ``names``, and how many more there are."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
