"""YAML and JSON from people and from files: read within limits, and held against a schema.

A few hundred bytes of YAML can mean gigabytes, by aliases of aliases; brackets can be nested until
Python gives up. Such text is refused before any data is made of it.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple, Type

from netsurgery.errors import FormatError, NetsurgeryError, shortened

DEEPEST = 50
LONGEST = 64 << 20
LARGEST_INTEGER = 10**30
GROWTH, ALLOWED = 10, 1000
"""Aliases may make of a text so many times its values, and so many more."""

FileKind = Type[NetsurgeryError]


def read_yaml(text: str, file: Optional[object] = None, error: FileKind = FormatError) -> Any:
    """Return what a YAML text means: mappings, lists, texts, numbers.

    Args:
        text: The text.
        file: Where it is from, for messages.
        error: The exception to raise.

    Raises:
        NetsurgeryError: The kind given: it is not YAML, or means more than a text of its size may.
    """
    import yaml

    _refuse_long(text, file, error)
    try:
        loader = _loader()(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        what = shortened(getattr(problem, "problem", None) or problem)
        raise error(
            what if isinstance(problem, _refusal()) else f"this is not YAML: {what}",
            file=file,
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
        ) from None
    except (ValueError, ArithmeticError, TypeError, AttributeError, LookupError) as problem:
        # A date that is none, or a tag on what is not of its kind, as in !!bool x.
        raise error(f"this is not YAML: {shortened(problem)}", file=file) from None


def read_json(text: str, file: Optional[object] = None, error: FileKind = FormatError) -> Any:
    """Return what a JSON text means, as `read_yaml` does.

    Raises:
        NetsurgeryError: The kind given: it is not JSON, or nested too deep.
    """
    _refuse_long(text, file, error)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise error(f"this is not JSON: {shortened(problem)}", file=file) from None


def _refuse_long(text: str, file: Optional[object], error: FileKind) -> None:
    if len(text) > LONGEST:
        raise error(f"is longer than {LONGEST >> 20} MB", file=file)


@lru_cache(maxsize=1)
def _refusal() -> Any:
    """What is raised for text that is YAML, but not to be had here."""
    import yaml

    return type("Refusal", (yaml.MarkedYAMLError,), {})


@lru_cache(maxsize=1)
def _loader() -> Any:
    """PyYAML's loader of plain data, with limits; made late, as PyYAML takes its time."""
    import yaml

    class Loader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            self.depth += 1
            if self.depth > DEEPEST:
                self.refuse(f"nested deeper than {DEEPEST}", self.peek_event().start_mark)
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def get_single_node(self) -> Any:
            node = super().get_single_node()
            if node is not None:
                _refuse_growth(node, self.refuse)
            return node

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            self.flatten_mapping(node)
            found: Dict[Any, Any] = {}
            for key_node, value_node in node.value:
                key = self.construct_object(key_node, deep=True)
                if not isinstance(key, str):
                    problem = f"the name {shortened(repr(key))} is not text; put it in quotes"
                    self.refuse(problem, key_node.start_mark)
                if key in found:
                    self.refuse(f"{shortened(repr(key))} stands twice", key_node.start_mark)
                found[key] = self.construct_object(value_node, deep=deep)
            return found

        def integer(self, node: Any) -> int:
            # A number to the base 60 (1:30) is a mistake more often than not.
            plain = re.fullmatch(r"[-+]?[0-9a-fA-FxobXOB_]{1,40}", node.value)
            number = self.construct_yaml_int(node) if plain else LARGEST_INTEGER
            if abs(number) >= LARGEST_INTEGER:
                self.refuse(f"no number of use here: {shortened(node.value)}", node.start_mark)
            return number

        def refuse(self, problem: str, mark: Any) -> None:
            raise _refusal()(problem=problem, problem_mark=mark)

    Loader.add_constructor("tag:yaml.org,2002:int", Loader.integer)
    return Loader


def _refuse_growth(root: Any, refuse: Callable[[str, Any], None]) -> None:
    """See that aliases do not make much more of the text than stands there, nor a ring."""
    measured: Dict[int, Optional[Tuple[int, int]]] = {}

    # No deeper than the text: what an alias means stands before it, and is measured by then.
    def measure(node: Any) -> Tuple[int, int]:
        if id(node) not in measured:
            measured[id(node)] = None
            parts = [measure(part) for part in _parts(node)]
            size, depth = sum(s for s, _ in parts), max((d for _, d in parts), default=0)
            measured[id(node)] = 1 + size, 1 + depth
        found = measured[id(node)]
        if found is None:
            refuse("an alias stands within what it means", node.start_mark)
        assert found is not None
        return found

    size, depth = measure(root)
    if size > GROWTH * len(measured) + ALLOWED:
        refuse(f"its aliases make {size:,} values of {len(measured):,}", root.start_mark)
    if depth > DEEPEST:
        refuse(f"its aliases nest it deeper than {DEEPEST}", root.start_mark)


def _parts(node: Any) -> Iterator[Any]:
    if isinstance(node.value, list):
        for part in node.value:
            yield from part if isinstance(part, tuple) else (part,)


class MismatchError(Exception):
    """Data does not keep to a schema.

    Attributes:
        place: The names and positions that lead to it.
        problem: What is wrong with what stands there.
    """

    def __init__(self, place: List[Any], problem: str) -> None:
        super().__init__(problem)
        self.place, self.problem = place, problem


_KINDS: Dict[str, Any] = {
    "object": (dict, "a mapping of names to values"),
    "array": (list, "a list"),
    "string": (str, "text"),
    "integer": (int, "a whole number"),
    "number": ((int, float), "a number"),
    "null": (type(None), "nothing"),
}


class Schema:
    """A JSON Schema of the few keywords that this package's own use.

    It holds whole numbers to be written without a point, which JSON Schema does not.
    """

    def __init__(self, schema: Dict[str, Any]) -> None:
        self._root = schema

    def check(self, data: Any) -> None:
        """See that data keeps to it.

        Raises:
            MismatchError: It does not; the first thing that is wrong.
        """
        self._check(data, self._root, [])

    def _check(self, data: Any, schema: Any, place: List[Any]) -> None:
        if schema is True:
            return
        for keyword, wanted in schema.items():
            check = getattr(self, f"_check_{keyword.lstrip('$').lower()}", None)
            if check is not None:
                check(data, wanted, place, schema)

    def _fits(self, data: Any, schema: Any) -> bool:
        try:
            self._check(data, schema, [])
        except MismatchError:
            return False
        return True

    def _check_ref(self, data: Any, wanted: str, place: List[Any], schema: Any) -> None:
        found: Any = self._root
        for name in wanted.split("/")[1:]:
            found = found[name]
        self._check(data, found, place)

    def _check_type(self, data: Any, wanted: Any, place: List[Any], schema: Any) -> None:
        names = [wanted] if isinstance(wanted, str) else wanted
        if not any(_is(data, name) for name in names):
            raise MismatchError(place, f"{told(data)} is not {_KINDS[names[0]][1]}")

    def _check_required(self, data: Any, wanted: Any, place: List[Any], schema: Any) -> None:
        for name in wanted if isinstance(data, dict) else ():
            if name not in data:
                raise MismatchError(place, f"names no {name}")

    def _check_properties(self, data: Any, wanted: Any, place: List[Any], schema: Any) -> None:
        for name, value in data.items() if isinstance(data, dict) else ():
            if name in wanted:
                self._check(value, wanted[name], [*place, name])

    def _check_additionalproperties(
        self, data: Any, wanted: Any, place: List[Any], schema: Any
    ) -> None:
        known = schema.get("properties", {})
        for name, value in data.items() if isinstance(data, dict) else ():
            if name not in known and wanted is False:
                listed = f"; known are {', '.join(known)}"
                raise MismatchError(place, f"has an unknown entry {shortened(repr(name))}{listed}")
            if name not in known:
                self._check(value, wanted, [*place, name])

    def _check_items(self, data: Any, wanted: Any, place: List[Any], schema: Any) -> None:
        for number, item in enumerate(data if isinstance(data, list) else ()):
            self._check(item, wanted, [*place, number])

    def _check_minitems(self, data: Any, wanted: int, place: List[Any], schema: Any) -> None:
        if isinstance(data, list) and len(data) < wanted:
            raise MismatchError(place, f"has {len(data)} entries, not {wanted}")

    def _check_maxitems(self, data: Any, wanted: int, place: List[Any], schema: Any) -> None:
        if isinstance(data, list) and len(data) > wanted:
            raise MismatchError(place, f"has {len(data)} entries, not {wanted}")

    def _check_uniqueitems(self, data: Any, wanted: bool, place: List[Any], schema: Any) -> None:
        if isinstance(data, list) and len(set(map(repr, data))) < len(data):
            raise MismatchError(place, f"{told(data)} holds the same twice")

    def _check_minimum(self, data: Any, wanted: float, place: List[Any], schema: Any) -> None:
        if _is(data, "number") and data < wanted:
            raise MismatchError(place, f"{told(data)} is less than {wanted:g}")

    def _check_maximum(self, data: Any, wanted: float, place: List[Any], schema: Any) -> None:
        if _is(data, "number") and data > wanted:
            raise MismatchError(place, f"{told(data)} is more than {wanted:g}")

    def _check_minlength(self, data: Any, wanted: int, place: List[Any], schema: Any) -> None:
        if isinstance(data, str) and len(data) < wanted:
            raise MismatchError(place, "is empty")

    def _check_enum(self, data: Any, wanted: List[Any], place: List[Any], schema: Any) -> None:
        if not any(data == value and type(data) is type(value) for value in wanted):
            raise MismatchError(place, f"{told(data)} is not one of {', '.join(map(str, wanted))}")

    def _check_const(self, data: Any, wanted: Any, place: List[Any], schema: Any) -> None:
        if data != wanted or type(data) is not type(wanted):
            raise MismatchError(place, f"{told(data)} is not {wanted}")

    def _check_allof(self, data: Any, wanted: List[Any], place: List[Any], schema: Any) -> None:
        for one in wanted:
            self._check(data, one, place)

    def _check_anyof(self, data: Any, wanted: List[Any], place: List[Any], schema: Any) -> None:
        if any(self._fits(data, one) for one in wanted):
            return
        for one in wanted:
            try:
                self._check(data, one, place)
            except MismatchError as mismatch:
                if mismatch.place != place or one is wanted[-1]:
                    raise  # it is of that kind, and wrong further in

    def _check_if(self, data: Any, wanted: Any, place: List[Any], schema: Any) -> None:
        if self._fits(data, wanted):
            self._check(data, schema["then"], place)


def _is(data: Any, name: str) -> bool:
    if isinstance(data, bool):
        return False
    return isinstance(data, _KINDS[name][0])


def told(data: Any) -> str:
    """Return a value as a message shows it: in a few characters, however large it is."""
    if isinstance(data, (dict, list)):
        return f"a {'mapping' if isinstance(data, dict) else 'list'} of {len(data)}"
    return shortened(repr(data))
