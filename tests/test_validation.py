"""Arguments of another type than their annotation says are refused by name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple, Union, get_type_hints

import numpy as np
import pytest

import netsurgery as ns
from netsurgery.errors import RequestError
from netsurgery.validation import require_fields, validated

NET = ("examples/digits/deploy.prototxt", "examples/digits/digits.caffemodel")
PathLike = Union[str, os.PathLike[str]]


@dataclass(frozen=True)
class Fields:
    """One field of each kind of annotation that requests have."""

    count: Optional[int] = None
    share: float = 0.5
    flag: bool = False
    name: str = ""
    path: Optional[PathLike] = None
    names: Sequence[str] = ()
    pair: Tuple[str, int] = ("a", 1)
    shape: Tuple[int, ...] = ()
    ranks: Mapping[str, Union[int, str]] = ()  # type: ignore[assignment]
    budget: Optional[ns.Budget] = None
    told: Callable[[str], None] = print
    anything: Any = None


@pytest.mark.parametrize(
    "fields",
    [
        {"count": 3},
        {"count": np.int64(3), "share": np.float32(0.5)},
        {"share": 1},
        {"path": "a"},
        {"path": Path("a")},
        {"names": ["a", "b"]},
        {"pair": ["a", 2], "shape": [1, 2]},
        {"ranks": {"a": 1, "b": "25%"}},
        {"budget": ns.Budget(macs=0.5), "anything": object()},
    ],
)
def test_what_is_as_annotated_passes(fields: Dict[str, Any]) -> None:
    require_fields(Fields(**{"ranks": {}, **fields}))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"count": 2.5}, "`count` is 2.5 (float), and should be a whole number"),
        ({"count": True}, "`count` is True (bool), and should be a whole number"),
        ({"share": "half"}, "`share` is 'half' (str), and should be a number"),
        ({"share": None}, "`share` is None, and should be a number"),
        ({"flag": 1}, "`flag` is 1 (int), and should be True or False"),
        ({"path": 3}, "`path` is 3 (int), and should be a path"),
        ({"names": ["a", 3]}, "`names` is ['a', 3] (list), and should be a list, each a text"),
        ({"pair": ("a", 1, 2)}, "`pair` is ('a', 1, 2) (tuple), and should be (a text, a whole"),
        ({"shape": (1, "a")}, "`shape` is (1, 'a') (tuple), and should be a list, each a whole"),
        ({"ranks": {"a": None}}, "should be a mapping of a text to a text or a whole number"),
        ({"ranks": "{a}"}, "`ranks` is '{a}' (str), and should be a mapping"),
        ({"budget": 0.5}, "`budget` is 0.5 (float), and should be a Budget"),
        ({"told": "x"}, "`told` is 'x' (str), and should be a function"),
    ],
)
def test_what_is_not_is_named(fields: Dict[str, Any], told: str) -> None:
    with pytest.raises(RequestError) as refused:
        require_fields(Fields(**{"ranks": {}, **fields}))
    assert told in str(refused.value)


def test_a_long_value_is_cut_and_stays_on_one_line() -> None:
    with pytest.raises(RequestError) as refused:
        require_fields(Fields(share=np.zeros((50, 50)), ranks={}))  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 160


def test_a_function_tells_of_arguments_it_lacks_or_does_not_know() -> None:
    @validated
    def halve(number: float, whole: bool = False) -> float:
        """Halve it."""
        return number / 2

    assert halve(3) == 1.5
    assert halve.__doc__ == "Halve it."
    for call in (lambda: halve(), lambda: halve(3, wholly=True)):  # type: ignore[call-arg]
        with pytest.raises(RequestError, match=r"^halve: .*argument"):
            call()


JOBS = {
    name: job
    for name in ns.__all__
    for job in [getattr(ns, name)]
    if callable(job) and not isinstance(job, type)
}


@pytest.mark.parametrize("name", sorted(JOBS))
def test_every_job_refuses_what_is_no_argument_of_it(name: str) -> None:
    """An object is none of the things that anything of the library takes, but a net of pycaffe."""
    hints = get_type_hints(JOBS[name])
    first = next(iter(hints))
    if first == "return":
        with pytest.raises(ns.NetsurgeryError, match=r"takes 0|too many"):
            JOBS[name](object())
        return
    given = {one: object() for one in hints if one != "return"}
    with pytest.raises(ns.NetsurgeryError, match=r"`|is no net") as refused:
        JOBS[name](**given)
    assert "\n" not in str(refused.value)


MISTAKES: Dict[str, Callable[[], object]] = {
    "`request`": lambda: ns.inspect(*NET),  # type: ignore[arg-type]
    "`model`": lambda: ns.doctor((NET[0],)),  # type: ignore[arg-type]
    "`macs`": lambda: ns.Budget(macs="50%"),  # type: ignore[arg-type]
    "`budget`": lambda: ns.ThinRequest(budget=0.5),  # type: ignore[arg-type]
    "`edits`": lambda: ns.Plan(ns.Edit("fc3", "svd")),  # type: ignore[arg-type]
    "`options`": lambda: ns.Edit("fc3", "svd", None),  # type: ignore[arg-type]
    "`arrays`": lambda: ns.Inputs(np.zeros((2, 3))),  # type: ignore[arg-type]
    "'data' is of type <U1": lambda: ns.Inputs({"data": np.array(["a"])}),
    "'data' is a list": lambda: ns.Inputs({"data": [1, 2]}),  # type: ignore[dict-item]
    "`raw_scale`": lambda: ns.Preprocessing(raw_scale="1"),  # type: ignore[arg-type]
    "`prototxt`": lambda: ns.load(NET),  # type: ignore[arg-type]
    "no net of pycaffe": lambda: ns.from_pycaffe(None, NET[0]),
    "by 'somp' here; it is by l1": lambda: ns.rank(NET).order("somp"),
    "nope.caffemodel": lambda: ns.convert("nope.caffemodel", NET[1]),
    "bytes inf": lambda: ns.Budget(bytes=float("inf")),
}


@pytest.mark.parametrize("told", MISTAKES)
def test_mistakes_of_newcomers_are_told_by_argument(told: str) -> None:
    with pytest.raises(ns.NetsurgeryError, match=told):
        MISTAKES[told]()


def test_labels_may_be_a_list() -> None:
    labels = ns.Inputs({"data": np.zeros((2, 3))}, labels=[1, 0]).labels  # type: ignore[arg-type]
    assert labels is not None
    assert labels.tolist() == [1, 0]
