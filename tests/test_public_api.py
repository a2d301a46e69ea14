"""What ``import netsurgery as ns`` offers: every name documented, typed, and to be called as told.

The rules hold for whatever stands in ``netsurgery.__all__``; nothing has to be listed here.
"""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import re
import typing
from typing import Any, Callable, Dict, Iterator, List, Tuple

import click
import pytest

import netsurgery as ns
from netsurgery import errors
from netsurgery.cli import cli

OFFERED = {name: getattr(ns, name) for name in ns.__all__ if not name.startswith("__")}
FUNCTIONS = {name: one for name, one in OFFERED.items() if inspect.isfunction(one)}
CLASSES = {name: one for name, one in OFFERED.items() if inspect.isclass(one)}
# What a command is that has no job of its own: words are explained on a terminal alone, and a batch
# is the other commands in processes of their own (`netsurgery.zoo`).
ON_A_TERMINAL = {"help", "zoo"}
# A live caffe.Net: whoever has none must be able to import this.
FOREIGN = {"net"}
SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises|Example|Examples|Note):$", re.M)
ENTRY = re.compile(r"^(\*{0,2}\w+)(?: \([^)]*\))?:", re.M)


def public_methods() -> Iterator[Tuple[str, Callable]]:
    """The methods and properties that the classes of the face define themselves."""
    for name, one in CLASSES.items():
        for attribute, found in vars(one).items():
            if isinstance(found, (classmethod, staticmethod)):
                found = found.__func__
            if isinstance(found, property):
                found = found.fget
            if inspect.isfunction(found) and not attribute.startswith("_"):
                yield f"{name}.{attribute}", found


METHODS: Dict[str, Callable] = dict(public_methods())
CALLABLES = {**FUNCTIONS, **METHODS}


def sections(documented: Any) -> Dict[str, str]:
    """The parts of a docstring in Google's style, by title; the text before them as ``""``."""
    text = inspect.getdoc(documented) or ""
    names = ["", *SECTION.findall(text)]
    parts = SECTION.split(text)[::2]
    return {name: inspect.cleandoc("\n" + part) for name, part in zip(names, parts)}


def entries(section: str) -> List[str]:
    """What a section of a docstring names, in its order."""
    return [name.lstrip("*") for name in ENTRY.findall(section)]


def arguments(function: Callable) -> List[str]:
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def test_the_face_offers_what_it_lists_and_nothing_else() -> None:
    assert sorted(ns.__all__) == sorted(set(ns.__all__))
    assert set(ns.__all__) <= set(dir(ns))
    assert set(FUNCTIONS) | set(CLASSES) == set(OFFERED)
    with pytest.raises(AttributeError, match="no_such_name"):
        ns.no_such_name  # type: ignore[attr-defined]


def test_every_command_is_a_function_of_the_same_name() -> None:
    assert isinstance(cli, click.Group)
    commands = set(cli.list_commands(click.Context(cli))) - ON_A_TERMINAL
    assert not commands - set(FUNCTIONS)


@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_arguments_are_documented_by_their_names_in_their_order(name: str) -> None:
    function = CALLABLES[name]
    found = sections(function)
    assert found[""], "no docstring"
    told = entries(found.get("Args", ""))
    wanted = arguments(function)
    # A sentence will do for a method of one argument; a job is told in full.
    assert told == wanted or (name in METHODS and not told and len(wanted) == 1)


@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_what_comes_back_and_what_is_raised_is_told(name: str) -> None:
    function = CALLABLES[name]
    found = sections(function)
    returned = typing.get_type_hints(function).get("return", type(None))
    if returned not in (type(None), bool, str) and inspect.isfunction(OFFERED.get(name)):
        # A class of the face says of itself what it holds.
        assert "Returns" in found or returned in OFFERED.values() or "eturn" in found[""]
    for raised in entries(found.get("Raises", "")):
        error = getattr(errors, raised, None) or getattr(builtins, raised, None)
        assert isinstance(error, type), f"raises {raised}, which is no exception"
        assert issubclass(error, Exception), f"raises {raised}, which is no exception"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_job_says_what_it_raises(name: str) -> None:
    raised = entries(sections(FUNCTIONS[name]).get("Raises", ""))
    named = [getattr(errors, one, type) for one in raised]
    # What is told nothing can be told nothing wrong.
    told = any(issubclass(one, ns.NetsurgeryError) for one in named)
    assert told or not arguments(FUNCTIONS[name])


@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_types_can_be_looked_up_and_none_is_any(name: str) -> None:
    hints = typing.get_type_hints(CALLABLES[name])
    assert {*arguments(CALLABLES[name]), "return"} <= set(hints)
    if name in FUNCTIONS:
        untyped = {argument for argument, hint in hints.items() if hint is Any}
        assert untyped <= FOREIGN


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_classes_document_their_fields(name: str) -> None:
    one = CLASSES[name]
    found = sections(one)
    assert found[""], "no docstring"
    assert inspect.getmodule(one).__name__.startswith("netsurgery.")  # type: ignore[union-attr]
    if dataclasses.is_dataclass(one):
        own = [f.name for f in dataclasses.fields(one) if not f.name.startswith("_")]
        own = [name for name in own if name in one.__annotations__]
        assert entries(found.get("Attributes", found.get("Args", ""))) == own


@pytest.mark.parametrize("name", [name for name in sorted(CLASSES) if name.endswith("Request")])
def test_a_request_says_all_with_defaults_and_is_equal_to_its_like(name: str) -> None:
    request = CLASSES[name]
    assert dataclasses.is_dataclass(request)
    assert request.__dataclass_params__.frozen
    assert name.replace("Request", "").lower() in FUNCTIONS or name == "FedRequest"
    needed = [
        field.name
        for field in dataclasses.fields(request)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if not needed:
        assert request() == request()
