"""What planners, methods and surgery hand each other: edits, and the rewrites that answer them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence

import numpy as np

from netsurgery.errors import PlanError, Remedy
from netsurgery.formats import LayerWeights
from netsurgery.methods.prediction import Prediction
from netsurgery.network import GraphEdit, Model, SetBlobs, Value, weight_changes
from netsurgery.validation import require_fields

if TYPE_CHECKING:
    from netsurgery.calibration import Calibrator


@dataclass(frozen=True)
class Edit:
    """An order to one method for one layer.

    Attributes:
        layer: Name of the layer to rewrite.
        method: Name of a registered method, for example ``"svd"``.
        options: What the method needs to know, for example ``{"rank": 1024}``.
        predicted: What the planner expects of it; for people, ignored when applied.

    Raises:
        RequestError: What is given as one of these is none.
    """

    layer: str
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    predicted: Prediction = field(default_factory=Prediction, compare=False)

    def __post_init__(self) -> None:
        require_fields(self)


@dataclass(frozen=True)
class Origin:
    """Where a value of a rewritten net stood in the original one.

    Attributes:
        value: The value in the original.
        axis: The axis of which something may be gone.
        kept: The entries of that axis that are left, or None for all.
    """

    value: Value
    axis: int = 1
    kept: Optional[np.ndarray] = None


@dataclass(frozen=True)
class Context:
    """What a method may look at beside the model it rewrites.

    Attributes:
        original: The model before the first edit of the plan.
        calibrator: What runs inputs, for the methods that want it; None without inputs.
        origins: Values of the model that are not simply those of the original of the same name.
    """

    original: Model
    calibrator: Optional[Calibrator] = None
    origins: Mapping[Value, Origin] = field(default_factory=dict)

    def origin(self, value: Value) -> Origin:
        """Return where a value of the model at hand stood in the original."""
        return self.origins.get(value, Origin(value))

    def require_calibrator(self, edit: Edit) -> Calibrator:
        """Return the statistics.

        Raises:
            PlanError: There are none.
        """
        if self.calibrator is None:
            raise PlanError(
                f"{edit.method} needs inputs to fit to",
                layer=edit.layer,
                remedy=Remedy("give some with {}", "calibrate"),
            )
        return self.calibrator


@dataclass(frozen=True)
class Rewrite:
    """What a method answers for an edit. Only ``surgery`` carries it out.

    Attributes:
        edit: The order it answers.
        edits: What changes in the net, by name; all of them name layers as they were before.
        pieces: For each name of an original layer, the names of the layers that now do its work.
        result: What the layer keeps, in a few words: ``"rank 9"``, ``"12 of 20 channels"``.
        errors: For those of them of which the method states it, the error of the weights that it
            expects, ``||W - W'|| / ||W||`` (Frobenius).
        origins: For each value of the new net of which something is gone, or that stood elsewhere,
            where it was in the net before.
        exact: Whether the new net computes what the one before did.
        unmoved: The layers whose blobs but the first come out, multiplied out, as they were.
        approximate: Why the twin and the new net differ by more than rounding, or None.
        found: What the method found out and wants for `Method.compose`; its own business.
    """

    edit: Edit
    edits: Sequence[GraphEdit]
    pieces: Mapping[str, Sequence[str]]
    result: str = ""
    errors: Mapping[str, float] = field(default_factory=dict)
    origins: Mapping[Value, Origin] = field(default_factory=dict)
    approximate: Optional[str] = None
    found: Any = None
    exact: bool = False
    unmoved: Sequence[str] = ()

    @property
    def weights(self) -> Mapping[str, Sequence[LayerWeights]]:
        """For each name that goes from the weights, the layers that come in its place."""
        return weight_changes(self.edits)

    def with_weights(self, changes: Mapping[str, Sequence[LayerWeights]]) -> Rewrite:
        """Return the same rewrite with other layers for names whose blobs it sets.

        Args:
            changes: For each such name, the layers that come; other names stay as they are.
        """
        edits = [
            SetBlobs(edit.layer, tuple(changes[edit.layer]))
            if isinstance(edit, SetBlobs) and edit.layer in changes
            else edit
            for edit in self.edits
        ]
        return replace(self, edits=edits)
