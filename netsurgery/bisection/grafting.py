"""One net with some parts of another in the place of its own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from netsurgery.errors import NetworkError, VerificationError
from netsurgery.formats import LayerWeights, Prototxt, Weights, upgrade_net
from netsurgery.network import Layer, Model, Network, Value, fresh_name, infer_shapes
from netsurgery.verification import DifferingPart, Joint, differing_parts, joint_of

Node = Tuple[str, Value]
"""A value of the grafted net: the net that it is known from, and what it is there."""


class _Wired(NamedTuple):
    """A layer of the grafted net.

    Attributes:
        layer: As it stands in its own net.
        new: Whether that is the second.
        bottoms: What it reads.
        tops: What it makes.
    """

    layer: Layer
    new: bool
    bottoms: Tuple[Node, ...]
    tops: Tuple[Node, ...]


class Grafting:
    """Two models, and the parts in which they differ.

    Attributes:
        original: The first model.
        new: The second.
        parts: The parts in which they differ; each can be taken from either.
    """

    def __init__(self, original: Model, new: Model) -> None:
        """Look for the parts.

        Args:
            original: A model.
            new: Another, made of it.
        """
        if {original.prototxt.version, new.prototxt.version} != {"V2"}:
            original, new = _upgraded(original), _upgraded(new)
        self.original, self.new = original, new
        self._joint = joint_of(original, new)
        bound = _misfits(original, new, self._joint)
        self.parts: Tuple[DifferingPart, ...] = differing_parts(original, new, self._joint, bound)

    def model(self, taken: Sequence[int]) -> Model:
        """Return the first model with some parts of the second.

        Args:
            taken: The numbers of the parts that are the second's.

        Raises:
            VerificationError: No text can say that.
        """
        if not taken:
            return self.original
        parts = [self.parts[number] for number in taken]
        layers = _sorted(self._wired(parts))
        for apart in (False, True):
            prototxt, names = self._text(layers, self._blobs(layers, apart))
            if _says(prototxt, layers):
                return replace(
                    self.original, prototxt=prototxt, weights=self._weights(layers, names)
                )
        what = ", ".join(repr(name) for part in parts for name in part.layers)
        raise VerificationError(f"layers {what} cannot be put into the first net alone")

    @cached_property
    def _back(self) -> Dict[Value, Value]:
        return {there: value for value, there in self._joint.values.items()}

    def _node(self, value: Value, new: bool) -> Node:
        if not new:
            return ("a", value)
        return ("a", self._back[value]) if value in self._back else ("b", value)

    def _wired(self, parts: Sequence[DifferingPart]) -> List[_Wired]:
        gone = {layer.index for part in parts for layer in part.a}
        chosen = [(one, False) for one in self.original.network().layers if one.index not in gone]
        chosen += [(one, True) for part in parts for one in part.b]
        return [
            _Wired(
                layer,
                new,
                tuple(self._node(value, new) for value in layer.bottoms),
                tuple(self._node(value, new) for value in layer.tops),
            )
            for layer, new in chosen
        ]

    def _blobs(self, layers: Sequence[_Wired], apart: bool) -> Dict[Node, str]:
        """What each value is called; ``apart``: no two values share a blob, but for in and out."""
        read = {node for one in layers for node in one.bottoms}
        taken = {value.blob for value in self.original.network().values}
        taken.update(value.blob for one in layers for value in one.layer.tops if apart)
        fresh: Dict[str, str] = {}
        names: Dict[Node, str] = {}
        for one in layers:
            own = (*one.layer.bottoms, *one.layer.tops)
            for node, there in zip((*one.bottoms, *one.tops), own):
                if node in names:
                    continue
                made = node in one.tops
                if made and node not in read:
                    names[node] = there.blob  # an output is asked for by its name
                elif apart and made and node[1] not in self.original.network().inputs:
                    names[node] = fresh_name(f"{there.blob}_v{there.version}", taken)
                elif node[0] == "a":
                    names[node] = node[1].blob
                else:
                    blob = node[1].blob
                    if blob not in fresh:
                        fresh[blob] = fresh_name(blob, taken)
                    names[node] = fresh[blob]
        return names

    def _text(
        self, layers: Sequence[_Wired], blobs: Dict[Node, str]
    ) -> Tuple[Prototxt, Dict[Tuple[str, bool], str]]:
        """The text, and the names of its layers by those they had."""
        taken = {text.name for text in self.original.prototxt.layers}
        used = {one.layer.name for one in layers if not one.new}
        names: Dict[Tuple[str, bool], str] = {}
        behind: Dict[Optional[int], List[bytes]] = defaultdict(list)
        edited: Dict[int, bytes] = {}
        place: Optional[int] = None
        for one in layers:
            text, key = one.layer.text, (one.layer.name, one.new)
            if key not in names:
                clash = one.new and one.layer.name in used
                names[key] = fresh_name(f"{one.layer.name}_new", taken) if clash else key[0]
            bottoms = [blobs[node] for node in one.bottoms]
            tops = [blobs[node] for node in one.tops]
            said = text.edited(
                name=names[key] if names[key] != text.name else None,
                bottoms=bottoms if bottoms != list(text.bottoms) else None,
                tops=tops if tops != list(text.tops) else None,
            )
            if one.new or (place is not None and text.index < place):
                behind[place].append(said)
            else:
                place = text.index
                edited[place] = said
        return self._replaced(edited, behind), names

    def _replaced(
        self, edited: Dict[int, bytes], behind: Dict[Optional[int], List[bytes]]
    ) -> Prototxt:
        prototxt = self.original.prototxt
        built = {layer.text.index for layer in self.original.network().layers}
        changes = {index: b"" for index in built if index not in edited}
        changes.update(
            (index, said) for index, said in edited.items() if said != prototxt.layers[index].text
        )
        for index, texts in behind.items():
            if index is None:  # in front of all others
                first = min(built)
                own = changes.get(first, prototxt.layers[first].text)
                changes[first] = b"\n".join([*texts, own])
            else:
                changes[index] = b"\n".join(
                    [changes.get(index, prototxt.layers[index].text), *texts]
                )
        return prototxt.replace_layers(changes)

    def _weights(
        self, layers: Sequence[_Wired], names: Dict[Tuple[str, bool], str]
    ) -> Optional[Weights]:
        first, second = self.original.weights, self.new.weights
        if first is None or second is None:
            return first
        used = {one.layer.name for one in layers if not one.new}
        gone = {layer.name for layer in self.original.network().layers} - used
        changes: Dict[str, Sequence[LayerWeights]] = {
            one.name: () for one in first.layers if one.name in gone
        }
        came = [
            one
            if names[(name, True)] == one.name
            else LayerWeights(names[(name, True)], one.type, one.blobs)
            for name in dict.fromkeys(one.layer.name for one in layers if one.new)
            for one in second.find(name)
        ]
        if not came:
            return first.replace(changes)
        home = next(iter(changes), first.layers[-1].name)
        kept = [] if home in changes else first.find(home)
        return first.replace({**changes, home: [*kept, *came]})


def _upgraded(model: Model) -> Model:
    """A model with a text of Caffe's present form, in which layers of both nets can stand."""
    if model.prototxt.version == "V2":
        return model
    return replace(model, prototxt=upgrade_net(model.prototxt, keep_unknown=True).prototxt)


def _misfits(a: Model, b: Model, joint: Joint) -> List[Value]:
    """The values that the other net has in another shape, whatever the batch."""
    first, second = (infer_shapes(one.network(), weights=one.weights) for one in (a, b))
    found = []
    for value, there in joint.values.items():
        shapes = first.get(value), second.get(there)
        if None not in shapes and shapes[0][1:] != shapes[1][1:]:  # type: ignore[index]
            found.append(value)
    return found


def _sorted(layers: Sequence[_Wired]) -> List[_Wired]:
    """The layers in an order in which each comes behind those that it reads from.

    It is that of the first net, and layers of the second come where the next one waits for them.
    """
    made = {node for one in layers for node in one.tops}
    waiting = sorted(layers, key=lambda one: (one.new, one.layer.index))
    known: Set[Node] = set()
    found: List[_Wired] = []

    def ready(one: _Wired) -> bool:
        return all(node in known or node not in made for node in one.bottoms)

    while waiting:
        first = waiting[0]
        if not ready(first):
            later = sorted(waiting, key=lambda one: (not one.new, one.layer.index))
            first = next((one for one in later if ready(one)), first)
        waiting.remove(first)
        found.append(first)
        known.update(first.tops)
    return found


def _says(prototxt: Prototxt, layers: Sequence[_Wired]) -> bool:
    """Whether a text says that the layers read and make what they should."""
    try:
        network = Network.of(prototxt)
    except NetworkError:
        return False
    if len(network.layers) != len(layers):
        return False
    known: Dict[Value, Node] = {value: ("a", value) for value in network.inputs}
    for layer, meant in zip(network.layers, layers):
        if tuple(known.get(value) for value in layer.bottoms) != meant.bottoms:
            return False
        known.update(zip(layer.tops, meant.tops))
    return True
