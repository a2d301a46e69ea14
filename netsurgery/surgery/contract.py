"""What a rewrite requires of a model and what it must leave behind, checked around each of them.

A method that answers nonsense, as one of another package may, is named and nothing of it is kept.
"""

from __future__ import annotations

from collections import Counter
from copy import copy
from functools import cached_property
from typing import FrozenSet, Iterator, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import ContractError, NetsurgeryError, shortened
from netsurgery.formats import Blob, LayerText
from netsurgery.methods import Context, Edit, Origin, Rewrite, method
from netsurgery.network import (
    CheckedModel,
    Model,
    SetBlobs,
    Shape,
    apply_edits,
    require_edits,
    show,
    troubles_of,
)
from netsurgery.validation import require_fields

Trouble = Tuple[str, Optional[str], str]


class ModelState:
    """What is known of a model, so that it can be compared with what a rewrite made of it.

    Attributes:
        model: The model.
        checked: Its graph and shapes, as far as they go, in phase TEST.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.checked = CheckedModel(model, "TEST")

    def with_other_numbers(self, model: Model) -> ModelState:
        """Return what is known of the same net with other numbers in its blobs: the same."""
        found = copy(self)
        found.model = model
        return found

    @cached_property
    def troubles(self) -> FrozenSet[Trouble]:
        """All that would keep Caffe from running the model, in either phase, with the phase."""
        patients = {"TEST": self.checked}
        if any(text.parameter.include or text.parameter.exclude for text in self._texts):
            patients["TRAIN"] = CheckedModel(self.model, "TRAIN")
        return frozenset(
            (phase, finding.layer, finding.problem)
            for phase, checked in patients.items()
            for finding in troubles_of(checked)
        )

    @property
    def _texts(self) -> Tuple[LayerText, ...]:
        return self.model.prototxt.layers

    @cached_property
    def names(self) -> Counter[str]:
        """The names of all layers of the text, and how many have each."""
        return Counter(text.name for text in self._texts)

    @property
    def inputs(self) -> FrozenSet[str]:
        """The blobs that the net is fed."""
        return frozenset(value.blob for value in self.checked.network.inputs)

    @property
    def outputs(self) -> FrozenSet[str]:
        """The blobs that nothing in the net reads."""
        return frozenset(value.blob for value in self.checked.network.outputs)


def require_rewrite(model: Model, edit: Edit, rewrite: object) -> Rewrite:
    """See that what a method answered is a rewrite of this model, and return it.

    Raises:
        ContractError: It is not.
    """
    if not isinstance(rewrite, Rewrite):
        raise _broken(edit, f"it answers {type(rewrite).__name__}, not a Rewrite")
    try:
        _require_types(rewrite)
        if rewrite.edit != edit:
            raise _broken(edit, f"it answers an edit of {rewrite.edit.layer!r} by its own")
        require_edits(model, rewrite.edits)
    except ContractError:
        raise
    except NetsurgeryError as error:
        raise _broken(edit, _told(error)) from error
    problem = next(_problems_of_pieces(model, rewrite), None)
    if problem:
        raise _broken(edit, problem)
    return rewrite


def rewrites_of(model: Model, edits: Sequence[Edit], context: Context) -> Iterator[Rewrite]:
    """Ask the method of some edits what to do, and yield what it answers, the first at least.

    Args:
        model: The model before all of them.
        edits: Edits of one method.
        context: What the method may look at.

    Raises:
        ContractError: It answers no rewrite of this model, or breaks down.
        PlanError: It cannot do it.
    """
    answers = method(edits[0].method).rewrites(model, edits, context)
    for number, edit in enumerate(edits):
        try:
            answer = next(answers, None)
        except (NetsurgeryError, MemoryError):
            raise
        except Exception as error:
            raise _broken(edit, f"it raised {type(error).__name__}: {shortened(error)}") from error
        if answer is None and number:
            return
        yield require_rewrite(model, edit, answer)


def _require_types(rewrite: Rewrite) -> None:
    require_fields(rewrite)
    for one in rewrite.edits:
        require_fields(one)
        for layer in one.by if isinstance(one, SetBlobs) else ():
            require_fields(layer)


def carried_out(before: ModelState, rewrite: Rewrite) -> ModelState:
    """Return the model with a rewrite done to it, which must keep what every rewrite promises.

    No bottom dangles, inputs and outputs are those there were, every value has the shape that it
    had (but for channels that the rewrite says are gone), and blobs fit their layers.

    Raises:
        ContractError: It does not; names the method.
        FormatError: A template cannot be filled in, or the version of the net has no words for it.
    """
    model = apply_edits(before.model, rewrite.edits)
    after = (
        before.with_other_numbers(model) if _keeps_shapes(before, rewrite) else ModelState(model)
    )
    problem = next(_broken_promises(before, after, rewrite), None)
    if problem:
        raise _broken(rewrite.edit, problem)
    return after


def _keeps_shapes(before: ModelState, rewrite: Rewrite) -> bool:
    """Whether a rewrite does no more than set blobs of the shapes that there were."""
    return all(
        isinstance(edit, SetBlobs)
        and [layer.name for layer in edit.by] == [edit.layer]
        and list(map(_form, edit.by[0].blobs)) == list(map(_form, before.model.blobs(edit.layer)))
        for edit in rewrite.edits
    )


def _form(blob: Blob) -> Tuple[Tuple[int, ...], bool]:
    return blob.shape, blob.legacy


def _broken(edit: Edit, problem: str) -> ContractError:
    return ContractError(
        f"method {edit.method!r} is at fault: {problem}",
        layer=edit.layer,
        remedy="nothing was done; leave it out of the plan, and tell who wrote the method",
    )


def _told(error: NetsurgeryError) -> str:
    return f"layer {error.layer!r} {error.problem}" if error.layer else error.problem


def _problems_of_pieces(model: Model, rewrite: Rewrite) -> Iterator[str]:
    for name in rewrite.pieces:
        if not model.prototxt.named(name):
            yield f"it tells of pieces of a layer {name!r}, which is not there"
    if not any(rewrite.pieces[name] and model.blobs(name) for name in rewrite.pieces):
        yield "it names no layer with blobs, nor what does its work now"
    for name, error in rewrite.errors.items():
        sound = error >= 0 or (np.isnan(error) and _has_nonfinite(model, rewrite))
        if name not in rewrite.pieces or np.isinf(error) or not sound:
            yield f"it states an error of {error} for layer {name!r}"


def _broken_promises(before: ModelState, after: ModelState, rewrite: Rewrite) -> Iterator[str]:
    yield from (
        (f"layer {layer!r} " if layer else "") + f"{problem} (phase {phase})"
        for phase, layer, problem in sorted(after.troubles - before.troubles, key=str)
    )
    yield from _differing("input", before.inputs, after.inputs)
    yield from _differing("output", before.outputs, after.outputs)
    yield from _problems_of_names(before, after, rewrite)
    yield from _problems_of_values(before, after, rewrite)
    yield from _problems_of_blobs(before.model, after, rewrite)


def _differing(noun: str, before: FrozenSet[str], after: FrozenSet[str]) -> Iterator[str]:
    for blob in sorted(before - after):
        yield f"{noun} {blob!r} is lost"
    for blob in sorted(after - before):
        yield f"{blob!r} is a new {noun}"


def _problems_of_names(before: ModelState, after: ModelState, rewrite: Rewrite) -> Iterator[str]:
    for pieces in rewrite.pieces.values():
        for piece in pieces:
            if piece not in after.names:
                yield f"it names a piece {piece!r}, which is no layer of the new net"
    for layers in rewrite.weights.values():
        for layer in layers:
            if layer.name not in after.names:
                yield f"it sets blobs of {layer.name!r}, which is no layer of the new net"
    for name, count in after.names.items():
        if count > max(before.names[name], 1):
            yield f"a second layer is called {name!r}"


def _problems_of_values(before: ModelState, after: ModelState, rewrite: Rewrite) -> Iterator[str]:
    there = before.checked.shapes
    for value in rewrite.origins:
        if value not in after.checked.shapes:
            yield f"it tells where {value} comes from, which is no value of the new net"
    for value, shape in after.checked.shapes.items():
        origin = rewrite.origins.get(value, Origin(value))
        if origin.value not in there:
            if value in rewrite.origins:
                yield f"it says that {value} stood at {origin.value}, which is not there"
            continue
        wanted = _kept_shape(there[origin.value], origin)
        if shape is not None and wanted is not None and shape != wanted:
            yield f"{value} is {show(shape)} now, and by what it says should be {show(wanted)}"


def _kept_shape(shape: Optional[Shape], origin: Origin) -> Optional[Shape]:
    if shape is None or origin.kept is None:
        return shape
    kept = (*shape[: origin.axis], len(origin.kept), *shape[origin.axis + 1 :])
    return kept if origin.axis < len(shape) else shape


def _problems_of_blobs(model: Model, after: ModelState, rewrite: Rewrite) -> Iterator[str]:
    for name, layers in rewrite.weights.items():
        old = model.blobs(name)
        for layer in layers:
            for index, blob in enumerate(layer.blobs):
                given = any(blob is other for other in old)
                if not given and blob.count_nonfinite() and not _has_nonfinite(model, rewrite):
                    yield f"blob {index} of {layer.name!r} holds NaN or Inf, and none did before"


def _has_nonfinite(model: Model, rewrite: Rewrite) -> bool:
    return any(blob.count_nonfinite() for name in rewrite.weights for blob in model.blobs(name))
