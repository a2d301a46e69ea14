"""What every method that puts several layers in the place of one has to write."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from netsurgery.errors import PlanError, Remedy
from netsurgery.formats import Carried, Filling, LayerText, one_line, quoted
from netsurgery.methods.coupled import weights_name
from netsurgery.methods.exchange import Edit
from netsurgery.network import Model

SUFFIXES = {2: ("_L", "_U"), 3: ("_L", "_M", "_U"), 4: ("_L", "_V", "_H", "_U")}
PLACES = ("first", "second", "third", "fourth")
_NUMBERS = {2: "two", 3: "three", 4: "four"}
# What the pieces say anew, in the spelling of every version of Caffe.
_OWN_FIELDS = (
    *("name", "type", "bottom", "top", "blobs"),
    *("param", "blobs_lr", "weight_decay", "blob_share_mode"),
)


class Names(NamedTuple):
    """The names of the layers that come, in their order, and the endings of those."""

    layers: Tuple[str, ...]
    suffixes: Tuple[str, ...]


def new_names(model: Model, edit: Edit, layer: str, count: int = 2) -> Names:
    """Return the names of the layers that replace ``layer``.

    Raises:
        PlanError: The net already has a layer or a blob of that name, or the option is wrong.
    """
    suffixes = edit.options.get("suffixes", SUFFIXES[count])
    if not _are_endings(suffixes, count):
        raise PlanError(
            f"suffixes {suffixes!r} are not {_NUMBERS[count]} different texts",
            layer=layer,
            remedy=f"write, for example, `suffixes: [{', '.join(SUFFIXES[count])}]`",
        )
    names = named(layer, suffixes)
    remedy = Remedy("choose other suffixes ({})", "suffixes")
    refuse_taken(model, layer, names.layers, remedy)
    refuse_taken_parameters(model, layer, parameter_names(model, layer, suffixes), remedy)
    return names


def refuse_taken(model: Model, layer: str, names: Sequence[str], remedy: str) -> None:
    """Refuse names that the net already has.

    Raises:
        PlanError: A layer or a blob is called so.
    """
    taken = {other.name for other in model.prototxt.layers}
    taken.update(top for other in model.prototxt.layers for top in other.tops)
    taken.update(other.name for other in (model.weights.layers if model.weights else ()))
    for name in names:
        if name in taken:
            problem = f"the net already has a layer or blob called {name!r}"
            raise PlanError(problem, layer=layer, remedy=remedy)


def refuse_taken_parameters(model: Model, layer: str, names: Sequence[str], remedy: str) -> None:
    """Refuse names of parameters that the net already has: Caffe would share them.

    Raises:
        PlanError: A parameter is called so.
    """
    layers = model.prototxt.layers if names else ()
    taken = {parameter.name for other in layers for parameter in other.parameter.param}
    for name in names:
        if name in taken:
            problem = f"the net already has a parameter called {name!r}"
            raise PlanError(problem, layer=layer, remedy=remedy)


def parameter_names(model: Model, layer: str, suffixes: Sequence[str]) -> List[str]:
    """Return the names that the weights get that replace those of ``layer``, if these have one."""
    shared = {weights_name(text) for text in model.prototxt.named(layer)} - {None}
    return sorted(f"{one}{suffix}" for one in shared for suffix in suffixes)


def named(layer: str, suffixes: Sequence[str]) -> Names:
    """Return the names of the layers that replace ``layer``, whether they are free or not."""
    return Names(tuple(layer + suffix for suffix in suffixes), tuple(suffixes))


@dataclass(frozen=True)
class CarriedBlob(Carried):
    """The name of the blob that the old layer reads or writes first.

    Attributes:
        reads: Whether it is the one it reads.
    """

    reads: bool

    def of(self, layer: LayerText) -> str:
        """Return the name, quoted.

        Raises:
            PlanError: There is none.
        """
        if not (layer.bottoms and layer.tops):
            raise PlanError("has no bottom or no top", layer=layer.name)
        return quoted((layer.bottoms if self.reads else layer.tops)[0])


@dataclass(frozen=True)
class CarriedRules(Carried):
    """What every layer takes over: rules of inclusion, unknown fields of forks, comments.

    Attributes:
        message: The old layer's parameter message, ``"inner_product_param"``, which is left out.
        last: Whether it is the last layer, which alone takes the loss weight.
    """

    message: str
    last: bool

    def of(self, layer: LayerText) -> str:
        """Return the fields, as lines."""
        left_out = {*_OWN_FIELDS, self.message, *(() if self.last else ("loss_weight",))}
        return layer.carried(left_out).decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class CarriedMultipliers(Carried):
    """What the old layer says of some of its blobs, learning rates and all, as ``param`` blocks.

    Shared weights get a name of their own.

    Attributes:
        suffix: The ending of that name.
        blobs: Which blobs.
    """

    suffix: str
    blobs: Tuple[int, ...]

    def of(self, layer: LayerText) -> str:
        """Return the blocks, as lines."""
        given = list(layer.parameter.param)
        return "".join(
            _parameter(layer, given[blob], self.suffix) for blob in self.blobs if blob < len(given)
        )


@dataclass(frozen=True)
class CarriedParameters(Carried):
    """Fields of the old layer's parameter message, indented for a template.

    Attributes:
        message: Its name.
        left_out: Names of fields to leave out.
        only: Names of the fields to take; all of them if None.
    """

    message: str
    left_out: Tuple[str, ...] = ()
    only: Optional[Tuple[str, ...]] = None

    def of(self, layer: LayerText) -> str:
        """Return the fields, as lines."""
        text = layer.carried(self.left_out, inside=self.message, only=self.only)
        return indent(text.decode("utf-8", "surrogateescape"), "  ")


def wiring(message: str, names: Names) -> Dict[str, Filling]:
    """Return the values of a template that every layer has: names, blobs, and what is carried.

    Those are ``$first`` (the name, and the blob it makes), ``$first_fields`` and so on, with the
    original's ``$bottom`` and ``$top``. Of the multipliers the last layer takes all, the others
    those of the weights.

    Args:
        message: The name of the old layer's parameter message, ``"inner_product_param"``.
        names: The names of the layers that come.
    """
    values: Dict[str, Filling] = {"bottom": CarriedBlob(True), "top": CarriedBlob(False)}
    for place, name in enumerate(names.layers):
        last = place == len(names.layers) - 1
        values[PLACES[place]] = quoted(name)
        values[f"{PLACES[place]}_fields"] = (
            CarriedRules(message, last),
            CarriedMultipliers(names.suffixes[place], (0, 1) if last else (0,)),
        )
    return values


def _parameter(layer: LayerText, parameter: object, suffix: str) -> str:
    mine = type(parameter)()  # a copy: the layer's own message is shared
    mine.CopyFrom(parameter)  # type: ignore[attr-defined]
    if mine.name and mine.name == weights_name(layer):  # type: ignore[attr-defined]
        mine.name += suffix  # type: ignore[attr-defined]
    text = one_line(mine)
    return f"  param {{ {text} }}\n" if text else "  param { }\n"


def _are_endings(suffixes: object, count: int) -> bool:
    return (
        isinstance(suffixes, (list, tuple))
        and len(suffixes) == len(set(map(str, suffixes))) == count
        and all(isinstance(suffix, str) and suffix for suffix in suffixes)
    )
