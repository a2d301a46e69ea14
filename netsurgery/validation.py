"""Arguments held to their annotations: what cannot be is refused by name, before any work."""

from __future__ import annotations

import collections.abc
import functools
import inspect
import numbers
import os
from typing import (
    Any,
    Callable,
    Dict,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from netsurgery.errors import Remedy, RequestError, shortened

Function = TypeVar("Function", bound=Callable[..., Any])

_NUMBERS = {int: numbers.Integral, float: numbers.Real}
_WORDS = {
    str: "a text",
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    os.PathLike: "a path",
    collections.abc.Callable: "a function",
}


def validated(function: Function) -> Function:
    """Make a function refuse arguments that are not what its annotations say, by their names."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = inspect.signature(function).bind(*args, **kwargs)
        except TypeError as error:
            raise RequestError(f"{function.__name__}: {error}") from None
        hints = _hints(function)
        for name, value in bound.arguments.items():
            if name in hints:
                _require(name, value, hints[name])
        return function(*args, **kwargs)

    return cast(Function, checked)


def require_fields(instance: Any) -> None:
    """See that the fields of a dataclass are what they are annotated as.

    Raises:
        RequestError: One is not; names it.
    """
    for name, hint in _hints(instance.__class__).items():
        _require(name, getattr(instance, name), hint)


@functools.cache
def _hints(annotated: Any) -> Dict[str, Any]:
    return {name: hint for name, hint in get_type_hints(annotated).items() if name != "return"}


def _require(name: str, value: object, hint: Any) -> None:
    if _matches(value, hint):
        return
    shown = shortened(repr(value)).replace("{", "{{").replace("}", "}}")
    told = shown if value is None else f"{shown} ({type(value).__name__})"
    raise RequestError(Remedy(f"{{}} is {told}, and should be {_words(hint)}", name))


def _matches(value: Any, hint: Any) -> bool:
    """Whether a value is what an annotation says, and its elements are too."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any or isinstance(hint, TypeVar):
        return True
    if origin is Union:
        return any(_matches(value, one) for one in args)
    if hint in _NUMBERS:
        return isinstance(value, _NUMBERS[hint]) and not isinstance(value, bool)
    kind = origin or hint
    if getattr(kind, "_is_protocol", False) and not getattr(kind, "_is_runtime_protocol", False):
        return callable(value) or "__call__" not in vars(kind)
    if not isinstance(value, (tuple, list) if kind is tuple else kind):
        return False
    if kind is tuple and args and args[-1] is not Ellipsis:
        return len(value) == len(args) and all(map(_matches, value, args))
    if isinstance(value, collections.abc.Mapping):
        key, element = args or (Any, Any)
        return all(_matches(one, key) and _matches(two, element) for one, two in value.items())
    if args and issubclass(kind, collections.abc.Sequence):
        return all(_matches(one, args[0]) for one in value)
    return True


def _words(hint: Any) -> str:
    """Say what an annotation wants."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Union:
        wanted = [one for one in args if one is not type(None)]
        if any((get_origin(one) or one) is os.PathLike for one in wanted):
            wanted.remove(str)
        if float in wanted and int in wanted:
            wanted.remove(int)
        words = sorted(set(map(_words, wanted)))  # Python remembers a Union in any order
        return f"{', '.join(words[:-1])} or {words[-1]}" if words[1:] else words[0]
    kind = origin or hint
    if kind is Any:
        return "anything"
    if kind in _WORDS:
        return _WORDS[kind]
    if kind is tuple and args and args[-1] is not Ellipsis:
        return f"({', '.join(map(_words, args))})"
    if isinstance(kind, type) and issubclass(kind, collections.abc.Mapping) and args:
        return f"a mapping of {_words(args[0])} to {_words(args[1])}"
    if isinstance(kind, type) and issubclass(kind, collections.abc.Sequence) and args:
        return f"a list, each {_words(args[0])}"
    name = getattr(kind, "__name__", str(kind))
    return f"{'an' if name[:1] in 'AEIOUaeiou' else 'a'} {name}"
