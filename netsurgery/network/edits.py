"""What changes in a network, layer by layer and by name, whatever text the network stands in.

Edits name the layers of the net as it was before all of them, so their order does not matter. They
can be carried out on the text they were made for, where every byte stays that none of them touches,
or done again on another text of the same net, such as its ``train_val.prototxt``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from netsurgery.errors import NetworkError
from netsurgery.formats import LayerTemplate, LayerText, LayerWeights, Prototxt, downgrade_layers
from netsurgery.network.model import Model
from netsurgery.network.phases import PHASES

ALWAYS: FrozenSet[str] = frozenset(PHASES)
NewLayers = Sequence[Union[bytes, LayerTemplate]]
"""Text in V2, or templates that are filled in for the layer they are put in the place of."""


@dataclass(frozen=True)
class LayerKey:
    """A layer, so that it is known again in any text of its net.

    Caffe lets layers share a name: a data layer for each phase, layers that share all weights.

    Attributes:
        name: Its name.
        phases: The phases that its rules of inclusion let it into.
        ordinal: Its number among the layers of that name and these phases, from 0.
        alike: How many such layers there are.
    """

    name: str
    phases: FrozenSet[str] = ALWAYS
    ordinal: int = 0
    alike: int = 1

    @classmethod
    def of(cls, layer: LayerText, prototxt: Prototxt) -> LayerKey:
        """Return by what a layer is known."""
        phases = _phases(layer)
        alike = [one.index for one in prototxt.named(layer.name) if _phases(one) == phases]
        return cls(layer.name, phases, alike.index(layer.index), len(alike))

    def find(self, prototxt: Prototxt) -> LayerText:
        """Return the layer in the text it is of.

        Raises:
            NetworkError: It is not there.
        """
        alike = [one for one in prototxt.named(self.name) if _phases(one) == self.phases]
        if self.ordinal >= len(alike):
            raise NetworkError("is not in the net", file=prototxt.file, layer=self.name)
        return alike[self.ordinal]

    def counterparts(self, prototxt: Prototxt) -> Tuple[LayerText, ...]:
        """Return the layers that stand for it in another text of the net, which may be none.

        One that is there in both phases may be written out for each, and the other way round.
        """
        found = [one for one in prototxt.named(self.name) if _phases(one) & self.phases]
        return tuple(found[self.ordinal : self.ordinal + 1] if self.alike > 1 else found)

    def __str__(self) -> str:
        phase = f" ({', '.join(sorted(self.phases))})" if self.phases != ALWAYS else ""
        number = f" number {self.ordinal + 1}" if self.alike > 1 else ""
        return f"{self.name!r}{phase}{number}"


class LayerEdit(ABC):
    """An edit of the text of one layer.

    Attributes:
        layer: The layer.
    """

    layer: LayerKey

    @abstractmethod
    def describe(self, layer: LayerText) -> Dict[str, Any]:
        """Return what it does to a layer, as plain data."""


@dataclass(frozen=True)
class ReplaceLayer(LayerEdit):
    """Put other layers in the place of one."""

    layer: LayerKey
    by: NewLayers

    def describe(self, layer: LayerText) -> Dict[str, Any]:
        """Return the layer, and those that come, as plain data."""
        return {"edit": "replace", "layer": str(self.layer), "by": _described(self.by, layer)}


@dataclass(frozen=True)
class RemoveLayer(LayerEdit):
    """Take a layer out."""

    layer: LayerKey

    def describe(self, layer: LayerText) -> Dict[str, Any]:
        """Return the layer as plain data."""
        return {"edit": "remove", "layer": str(self.layer)}


@dataclass(frozen=True)
class InsertAfter(LayerEdit):
    """Put layers behind one that stays."""

    layer: LayerKey
    by: NewLayers

    def describe(self, layer: LayerText) -> Dict[str, Any]:
        """Return the layer, and those that come, as plain data."""
        return {"edit": "insert", "after": str(self.layer), "by": _described(self.by, layer)}


@dataclass(frozen=True)
class SetFields(LayerEdit):
    """Change values inside a layer.

    Attributes:
        layer: The layer.
        fields: Dotted path, as in V2, to a value; a sequence for all values of a repeated field;
            None removes the field.
        bottoms: All blobs to read, or None for those it reads.
        tops: All blobs to write, or None for those it writes.
    """

    layer: LayerKey
    fields: Mapping[str, Any] = field(default_factory=dict)
    bottoms: Optional[Sequence[str]] = None
    tops: Optional[Sequence[str]] = None

    def describe(self, layer: LayerText) -> Dict[str, Any]:
        """Return the layer and its new values as plain data."""
        new = {"bottom": self.bottoms, "top": self.tops, **self.fields}
        changes = {
            path: value for path, value in new.items() if value is not None or path in self.fields
        }
        return {"edit": "set", "layer": str(self.layer), "fields": changes}


@dataclass(frozen=True)
class SetBlobs:
    """Put other layers into the weights in the place of those of one name.

    Attributes:
        layer: The name that goes from the weights.
        by: The layers that come, in order; they may have that name too.
    """

    layer: str
    by: Tuple[LayerWeights, ...]

    def describe(self) -> Dict[str, Any]:
        """Return the shapes of the new blobs as plain data."""
        shapes = {one.name: [list(blob.shape) for blob in one.blobs] for one in self.by}
        return {"edit": "set blobs", "layer": self.layer, "blobs": shapes}


@dataclass(frozen=True)
class RemoveBlobs:
    """Take the layers of a name out of the weights."""

    layer: str

    def describe(self) -> Dict[str, Any]:
        """Return the name as plain data."""
        return {"edit": "remove blobs", "layer": self.layer}


BlobEdit = Union[SetBlobs, RemoveBlobs]
GraphEdit = Union[LayerEdit, BlobEdit]


def new_layers(by: NewLayers, layer: LayerText) -> Tuple[LayerText, ...]:
    """Return the layers that an edit of ``layer`` brings, typed.

    Raises:
        FormatError: A template cannot be filled in, or is no prototxt.
    """
    text = _filled(by, layer)
    return Prototxt.parse(text, "new layers").layers if text.strip() else ()


def weight_changes(edits: Iterable[GraphEdit]) -> Dict[str, Tuple[LayerWeights, ...]]:
    """Return, for each name that goes from the weights, the layers that come in its place."""
    return {
        edit.layer: tuple(edit.by) if isinstance(edit, SetBlobs) else ()
        for edit in edits
        if isinstance(edit, (SetBlobs, RemoveBlobs))
    }


def describe_edits(prototxt: Prototxt, edits: Iterable[GraphEdit]) -> List[Dict[str, Any]]:
    """Return what edits do to a net as plain data.

    Raises:
        NetworkError: A layer is not in the text.
    """
    return [
        edit.describe(edit.layer.find(prototxt)) if isinstance(edit, LayerEdit) else edit.describe()
        for edit in edits
    ]


def require_edits(model: Model, edits: Sequence[GraphEdit]) -> None:
    """See that edits can be carried out on a model, and do not contradict each other.

    Raises:
        NetworkError: They cannot; names the layer.
    """
    whole: Dict[int, int] = defaultdict(int)
    parts: Dict[int, int] = defaultdict(int)
    named: List[str] = []
    for edit in edits:
        if isinstance(edit, LayerEdit):
            place = edit.layer.find(model.prototxt).index
            (whole if isinstance(edit, (ReplaceLayer, RemoveLayer)) else parts)[place] += 1
        else:
            named.append(edit.layer)
    for index, count in whole.items():
        if count + parts[index] > 1:
            layer = model.prototxt.layers[index].name
            raise NetworkError("is replaced or removed, and edited once more", layer=layer)
    for name in named:
        if model.weights is None or name not in model.weights:
            raise NetworkError("has no blobs that could be set or removed", layer=name)
        if named.count(name) > 1:
            raise NetworkError("has its blobs set or removed twice", layer=name)


def apply_edits(model: Model, edits: Sequence[GraphEdit]) -> Model:
    """Return the model with all edits done; layers that none of them names keep their bytes.

    Raises:
        NetworkError: A layer is not there.
        FormatError: New text is no prototxt, or the net's version of Caffe has no words for it.
    """
    changes = weight_changes(edits)
    weights = model.weights
    if weights is not None and changes:
        weights = weights.replace(changes)
    return replace(model, prototxt=edit_text(model.prototxt, edits), weights=weights)


def edit_text(prototxt: Prototxt, edits: Iterable[GraphEdit]) -> Prototxt:
    """Return the text with all edits of layers done.

    Raises:
        NetworkError: A layer is not there.
        FormatError: As `apply_edits`.
    """
    own = [edit for edit in edits if isinstance(edit, LayerEdit)]
    return _edited(prototxt, [(edit, edit.layer.find(prototxt)) for edit in own])


def replay_edits(
    prototxt: Prototxt, edits: Iterable[GraphEdit]
) -> Tuple[Prototxt, Tuple[LayerKey, ...]]:
    """Return another text of the net with the edits of layers done to the same layers there.

    What new layers take over from the old one, such as learning rates and fillers, is taken from
    this text.

    Returns:
        The text, and the layers that are not in it.

    Raises:
        NetworkError: A layer is of another type here.
        FormatError: As `apply_edits`.
    """
    own = [edit for edit in edits if isinstance(edit, LayerEdit)]
    pairs = [(edit, layer) for edit in own for layer in edit.layer.counterparts(prototxt)]
    absent = tuple(edit.layer for edit in own if not edit.layer.counterparts(prototxt))
    return _edited(prototxt, pairs), tuple(dict.fromkeys(absent))


def _edited(prototxt: Prototxt, pairs: Sequence[Tuple[LayerEdit, LayerText]]) -> Prototxt:
    changes: Dict[int, bytes] = {}
    behind: Dict[int, bytes] = defaultdict(bytes)
    fields: Dict[int, SetFields] = {}
    for edit, layer in pairs:
        if isinstance(edit, RemoveLayer):
            changes[layer.index] = b""
        elif isinstance(edit, ReplaceLayer):
            changes[layer.index] = _spelt(edit.by, layer)
        elif isinstance(edit, InsertAfter):
            behind[layer.index] += _spelt(edit.by, layer)
        elif isinstance(edit, SetFields):
            fields[layer.index] = _joined(fields.get(layer.index), edit)
    for index, edit in fields.items():
        changes[index] = prototxt.layers[index].edited(
            fields=edit.fields, bottoms=edit.bottoms, tops=edit.tops
        )
    return prototxt.replace_layers(changes, behind) if changes or behind else prototxt


def _joined(first: Optional[SetFields], second: SetFields) -> SetFields:
    if first is None:
        return second
    return SetFields(
        first.layer,
        {**first.fields, **second.fields},
        first.bottoms if second.bottoms is None else second.bottoms,
        first.tops if second.tops is None else second.tops,
    )


def _filled(by: NewLayers, layer: LayerText) -> bytes:
    return b"".join(one if isinstance(one, bytes) else one.fill(layer) for one in by)


def _spelt(by: NewLayers, layer: LayerText) -> bytes:
    """New layers in the version of the net that they come into."""
    text = _filled(by, layer)
    return downgrade_layers(text) if layer.version == "V1" else text


def _described(by: NewLayers, layer: LayerText) -> List[Dict[str, Any]]:
    return [
        {"name": one.name, "type": one.type, "bottom": list(one.bottoms), "top": list(one.tops)}
        for one in new_layers(by, layer)
    ]


def _phases(layer: LayerText) -> FrozenSet[str]:
    """The phases that a layer may be built in, whatever level and stages say."""
    parameter = layer.parameter
    if parameter.include:
        return frozenset(
            phase
            for rule in parameter.include
            for phase, number in PHASES.items()
            if not rule.HasField("phase") or rule.phase == number
        )
    shut = {
        rule.phase
        for rule in parameter.exclude
        if [descriptor.name for descriptor, _ in rule.ListFields()] == ["phase"]
    }
    return frozenset(phase for phase, number in PHASES.items() if number not in shut)
