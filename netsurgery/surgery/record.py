"""What surgery did to a model, step by step, and the twin that tells whether it was right."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.formats import Blob, LayerWeights, Weights, aligned, product_blob, scratch_name
from netsurgery.linalg import Factored, distance_of_fitted, relative_distance
from netsurgery.methods import Arrays, Composed, Origin, Rewrite, method
from netsurgery.network import GraphEdit, Model, Value, describe_edits, edit_text
from netsurgery.planning import Plan

LARGE = 1 << 22
"""Numbers of a blob beyond which it is read a block at a time, and not held."""


@dataclass(frozen=True)
class Step:
    """One rewrite, with the model it was made for.

    Attributes:
        before: The model. Of steps that were carried out together each has the text of the first,
            and those may have been carried out ahead of others in the plan, see
            `netsurgery.surgery.together`.
        rewrite: What was done to it; its weights are as they are stored.
        rounding: For layers of which the method states an error, how far storing them rounded
            moved their weights, multiplied out: ``||W' - W''|| / ||W||``.
    """

    before: Model
    rewrite: Rewrite
    rounding: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Surgery:
    """What was done to a model.

    Attributes:
        original: The model before the first step.
        steps: The rewrites, in order.
        model: The model after the last step.
        notes: What upgrading a V0 net left out, and what of the net is a fork's, a line each.
        origins: Where values of the new model stood in the original, if not simply there.
    """

    original: Model
    steps: tuple[Step, ...]
    model: Model
    notes: tuple[str, ...] = ()
    origins: Mapping[Value, Origin] = field(default_factory=dict)

    def twin(self, weights: Optional[Weights] = None, folder: Optional[Path] = None) -> Model:
        """Return the original network holding the weights to which the rewrites are equivalent.

        The product of a low-rank pair put back in the place of the layer it replaced: the twin
        differs from the original by the truncation alone, and from the rewritten model by
        nothing but rounding. Whatever else is wrong with the rewritten model shows as a
        difference between the two.

        Args:
            weights: The weights of the rewritten model as they were read back from a file;
                those in memory if not given.
            folder: Where large products are written when they are read, for as long as the twin is
                used; they are held in memory if not given.
        """
        weights = weights or self.model.weights
        assert weights is not None, "operate() takes no model without weights"
        for step in reversed(self.steps):
            weights = _without(step, weights, folder)
        return replace(self.original, weights=weights)

    def errors(self, twin: Model) -> dict[str, float]:
        """Return ``||W - W'|| / ||W||`` of each rewritten layer, with W' from the twin."""
        names = dict.fromkeys(name for step in self.steps for name in step.rewrite.pieces)
        return {
            name: distance(self.original.blobs(name)[0], twin.blobs(name)[0])
            for name in names
            if self.original.blobs(name)
        }

    def predicted_errors(self) -> dict[str, float]:
        """Return the error that a method states for each layer that one edit alone changed.

        An edit of a layer that came in the place of another changes that other, too.
        """
        once = self._changed_once()
        return {
            name: error
            for step in self.steps
            for name, error in step.rewrite.errors.items()
            if name in once
        }

    def _changed_once(self) -> set[str]:
        """Return the layers of the original that one edit alone changed."""
        touched: Counter[str] = Counter()
        home: dict[str, str] = {}
        for step in self.steps:
            for name, pieces in step.rewrite.pieces.items():
                whole = home.get(name, name)
                touched[whole] += 1
                home.update(dict.fromkeys(pieces, whole))
        return {name for name, times in touched.items() if times == 1}

    def moved_errors(self, twin: Model) -> dict[str, float]:
        """Return how far those blobs are from the original's that no method may have moved.

        Those are biases and the like, of layers that one edit alone changed. In files of float16
        what is divided out again is rounded, too, and says nothing.
        """
        if self.rounding():
            return {}
        names = {name for step in self.steps for name in step.rewrite.unmoved}
        return {
            name: max(
                relative_distance(blob.array(), other.array())
                for blob, other in zip(self.original.blobs(name)[1:], twin.blobs(name)[1:])
            )
            for name in names & self._changed_once()
            if len(self.original.blobs(name)) > 1
        }

    @property
    def exact(self) -> bool:
        """Whether the new model computes what the original does: then it is held to that."""
        return all(step.rewrite.exact for step in self.steps) and not self.rounding()

    def rounding(self) -> dict[str, float]:
        """Return how far rounding may have moved layers' weights, in the units of `errors`.

        Only files in float16 have any: what surgery makes anew is stored in the type of what it
        comes from. The model in memory holds it as it is stored.
        """
        moved: Counter[str] = Counter()
        for step in self.steps:
            moved.update(step.rounding)
        return dict(moved)

    def kept(self) -> dict[Value, tuple[int, np.ndarray]]:
        """Return the axis and the entries that are left of values of the original."""
        return {
            origin.value: (origin.axis, origin.kept)
            for origin in self.origins.values()
            if origin.kept is not None
        }

    def places(self) -> dict[Value, Value]:
        """Return where values of the new model stood in the original, if not simply there."""
        return {value: origin.value for value, origin in self.origins.items()}

    def undone(self, count: int = 1) -> Surgery:
        """Return what was done before the last steps; models are never changed, so none is lost.

        Args:
            count: How many steps to take back. Without any left the model is the original, byte
                for byte.

        Raises:
            PlanError: There are not as many.
        """
        if not 0 <= count <= len(self.steps):
            raise PlanError(f"{count} steps cannot be undone: there are {len(self.steps)}")
        left = self.steps[: len(self.steps) - count]
        if not left:
            return Surgery(self.original, (), self.original)
        origins: Mapping[Value, Origin] = {}
        for step in left:
            origins = traced_back(origins, step.rewrite.origins)
        model = _carried_out(left) if count else self.model
        return replace(self, steps=left, model=model, origins=origins)

    def of(self, plan: Plan) -> Surgery:
        """Return the same surgery with its edits as a plan now holds them.

        Args:
            plan: Of the very edits that were carried out; what is predicted and measured of them
                may be told otherwise.

        Raises:
            ValueError: They are others.
        """
        if [step.rewrite.edit for step in self.steps] != list(plan.edits):
            raise ValueError("the surgery is that of another plan")
        steps = tuple(
            replace(step, rewrite=replace(step.rewrite, edit=edit))
            for step, edit in zip(self.steps, plan.edits)
        )
        return replace(self, steps=steps)

    def describe(self) -> list[dict[str, Any]]:
        """Return every edit of every step as plain data, with the method that made it."""
        return [
            {"method": step.rewrite.edit.method, **told}
            for step in self.steps
            for told in describe_edits(step.before.prototxt, step.rewrite.edits)
        ]

    @property
    def touched(self) -> frozenset[str]:
        """The names of layers whose weights were taken away or put in."""
        return frozenset(
            name
            for step in self.steps
            for gone, came in step.rewrite.weights.items()
            for name in (gone, *(layer.name for layer in came))
        )

    @property
    def rewritten(self) -> tuple[str, ...]:
        """The layers of the new model whose weights were put in, in the order of its file."""
        layers, touched = self.model.weights.layers if self.model.weights else (), self.touched
        return tuple(dict.fromkeys(one.name for one in layers if one.blobs and one.name in touched))

    @property
    def approximate(self) -> Optional[str]:
        """Why the twin is not equal to the new model, or None if it is."""
        reasons = [step.rewrite.approximate for step in self.steps]
        return "; ".join(dict.fromkeys(filter(None, reasons))) or None


class Planned(NamedTuple):
    """A plan, and what it makes of the model that it is for, where it was carried out already.

    Attributes:
        plan: The plan.
        surgery: What carrying it out made, with whatever the plan is to be fitted to.
    """

    plan: Plan
    surgery: Optional[Surgery] = None


def _carried_out(steps: Sequence[Step]) -> Model:
    """The model that the first steps leave of the one before them."""
    model = steps[0].before
    prototxt, weights = model.prototxt, model.weights
    assert weights is not None
    by_text: Dict[int, List[GraphEdit]] = {}
    for step in steps:
        by_text.setdefault(id(step.before.prototxt), []).extend(step.rewrite.edits)
        weights = weights.replace(step.rewrite.weights)
    for edits in by_text.values():
        prototxt = edit_text(prototxt, edits)
    return replace(model, prototxt=prototxt, weights=weights)


def joined(rewrites: Sequence[Rewrite]) -> Rewrite:
    """Return one rewrite that does what several do that were made of one text, in their order.

    It answers the edit of the first.
    """
    first, *others = rewrites
    edits, pieces, origins = [*first.edits], {**first.pieces}, first.origins
    for rewrite in others:
        edits += rewrite.edits
        pieces.update(rewrite.pieces)
        origins = traced_back(origins, rewrite.origins)
    return replace(first, edits=edits, pieces=pieces, origins=origins) if others else first


def traced_back(
    known: Mapping[Value, Origin], latest: Mapping[Value, Origin]
) -> dict[Value, Origin]:
    """Return where the values were before the first edit, from where they were before the last."""
    return {**known, **{value: _before(origin, known) for value, origin in latest.items()}}


def _before(origin: Origin, known: Mapping[Value, Origin]) -> Origin:
    earlier = known.get(origin.value)
    if earlier is None or earlier.kept is None:
        return origin if earlier is None else Origin(earlier.value, origin.axis, origin.kept)
    if origin.kept is None:
        return earlier
    assert earlier.axis == origin.axis, "channels lie along one axis"
    return Origin(earlier.value, origin.axis, earlier.kept[origin.kept])


def _without(step: Step, weights: Weights, folder: Optional[Path]) -> Weights:
    rewrite = step.rewrite
    whole = multiplied_out(step, weights) if folder is None else _composed(step, weights)
    changes: dict[str, list[LayerWeights]] = {}
    # Layers that vanished altogether come back beside one that did not.
    named = {name: pieces for name, pieces in rewrite.pieces.items() if step.before.blobs(name)}
    home = next(pieces[0] for pieces in named.values() if pieces)
    for name, pieces in named.items():
        held = [piece for piece in pieces if weights.find(piece)]  # all but what owners have
        changes.update({piece: [] for piece in held})
        pairs = zip_longest(whole[name], step.before.blobs(name)[: len(whole[name])])
        blobs = tuple(_as_before(array, blob, folder) for array, blob in pairs)
        changes[held[0] if held else home].append(LayerWeights(name, None, blobs))
    return weights.replace(changes)


def multiplied_out(step: Step, weights: Weights) -> Mapping[str, Arrays]:
    """Return the blobs with which the layers before the step do what ``weights`` do behind it."""
    arrays = _pieces_of(step, weights)
    return method(step.rewrite.edit.method).compose(step.before, step.rewrite, arrays)


def _composed(step: Step, weights: Weights) -> Mapping[str, Composed]:
    """The same, with products left as their factors where one is large."""
    names = step.rewrite.pieces
    if not any(blob.count > LARGE for name in names for blob in step.before.blobs(name)):
        return multiplied_out(step, weights)
    arrays = _pieces_of(step, weights)
    return method(step.rewrite.edit.method).compose_factored(step.before, step.rewrite, arrays)


def _pieces_of(step: Step, weights: Weights) -> Mapping[str, Sequence[Arrays]]:
    # The others share their weights with a layer that holds them.
    return {
        name: [[blob.array() for blob in weights.blobs(piece)] for piece in pieces]
        for name, pieces in step.rewrite.pieces.items()
        if step.before.blobs(name)
    }


def _as_before(
    array: Union[np.ndarray, Factored], blob: Optional[Blob], folder: Optional[Path]
) -> Blob:
    """A blob with new numbers, in the form of the one there was if that has the shape."""
    if isinstance(array, Factored):
        if folder is not None and math.prod(array.shape) > LARGE:
            whole = product_blob(scratch_name(folder / "product"), array)
            return whole.with_mask(blob.mask) if blob and blob.shape == array.shape else whole
        array = array.multiplied_out()
    return blob.filled(array) if blob and blob.shape == array.shape else Blob.of(array)


def distance(before: Blob, after: Blob) -> float:
    """Return ``||before - after|| / ||before||`` of blobs of as many numbers; 0 for zeros.

    Large ones are read a block at a time, and none is held; products that were fitted to what is
    before are not even multiplied out.
    """
    if before.count <= LARGE or before.count != after.count:
        return relative_distance(before.array(), after.array())
    if after.factors is not None:
        found = distance_of_fitted(before.view().reshape(after.factors.shape), after.factors)
        if found is not None:
            return found
    apart = whole = 0.0
    for one, other in aligned(before, after):
        block = one.astype(np.float32)
        whole += float(np.einsum("i,i", block, block, dtype=np.float64))
        block -= other
        apart += float(np.einsum("i,i", block, block, dtype=np.float64))
    return float(np.sqrt(apart / whole)) if whole else 0.0
