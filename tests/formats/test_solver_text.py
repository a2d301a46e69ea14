"""A solver's text is read and changed without losing a byte."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from netsurgery.errors import FormatError
from netsurgery.formats import SolverText, Word

TEXT = b"""# LeNet
net: "train_val.prototxt"   # both phases
test_iter: 100
base_lr: 0.01
lr_policy: "multistep"
stepvalue: 5000
stepvalue: 7000  # twice
momentum: 0.9
snapshot_prefix: 'lenet'
solver_mode: CPU
"""


def test_it_says_what_caffe_reads_and_keeps_its_bytes() -> None:
    text = SolverText.parse(TEXT, "solver.prototxt")
    assert text.data == TEXT
    assert text.parameter.net == "train_val.prototxt"
    assert list(text.parameter.stepvalue) == [5000, 7000]
    assert text.unknown == ()
    assert pickle.loads(pickle.dumps(text)).data == TEXT


@pytest.mark.parametrize(
    ("fields", "old", "new"),
    [
        ({"base_lr": 0.001}, b"base_lr: 0.01", b"base_lr: 0.001"),
        ({"net": "a b.prototxt"}, b'"train_val.prototxt"', b'"a b.prototxt"'),
        ({"momentum": None}, b"momentum: 0.9\n", b""),
        ({"solver_mode": Word("GPU")}, b"CPU", b"GPU"),
        ({"stepvalue": (500, 700)}, b"5000\nstepvalue: 7000", b"500\nstepvalue: 700"),
        ({"stepvalue": (9,)}, b"5000\nstepvalue: 7000  # twice\n", b"9\n# twice\n"),
        ({"stepvalue": ()}, b"stepvalue: 5000\nstepvalue: 7000  # twice", b"# twice"),
        ({"iter_size": 4, "type": "Adam"}, b"CPU\n", b'CPU\niter_size: 4\ntype: "Adam"\n'),
        ({"stepvalue": (1, 2, 3)}, b"5000\nstepvalue: 7000  # twice", b"1\nstepvalue: 2  # twice"),
    ],
)
def test_a_change_touches_what_it_names(fields: dict, old: bytes, new: bytes) -> None:
    changed = SolverText.parse(TEXT).changed(fields).data
    expected = TEXT.replace(old, new)
    if len(fields.get("stepvalue") or ()) == 3:
        expected += b"stepvalue: 3\n"
    assert changed == expected


def test_lists_and_windows_line_ends_stay() -> None:
    text = SolverText.parse(b"base_lr: 1\r\nstepvalue: [1, 2]\r\nmax_iter: 9")
    assert text.changed({"stepvalue": (3, 4)}).data == (
        b"base_lr: 1\r\nstepvalue: [3, 4]\r\nmax_iter: 9"
    )
    longer = text.changed({"stepvalue": (3, 4, 5)})
    assert longer.data == (
        b"base_lr: 1\r\nmax_iter: 9\r\nstepvalue: 3\r\nstepvalue: 4\r\nstepvalue: 5\r\n"
    )


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_number_is_the_one_that_caffe_holds(value: float) -> None:
    assert SolverText.of({"base_lr": value}).parameter.base_lr == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "the file is empty"),
        (b"# nothing", "nothing but comments"),
        (b'name: "n" layer { name: "d" }', "f:1:1: this is the prototxt of a network"),
        (b'item { name: "cat" }', "this is no solver prototxt: the file holds only item"),
        (b"base_lr: fast", "f:1:10: base_lr takes a number, not fast"),
        (b"base_lr: 1\nbase_lr: 2", "f:2:1: base_lr is given twice (first on line 1)"),
        (b"base_lr: 1\nmax_iter 3", "f:2:"),
        (b"\x89HDF\r\n\x1a\n", "this is an HDF5 file, not a prototxt; give the solver.prototxt"),
    ],
)
def test_what_is_no_solver_is_said_with_its_place(text: bytes, says: str) -> None:
    with pytest.raises(FormatError) as caught:
        SolverText.parse(text, "f")
    assert says in str(caught.value)


def test_fields_of_forks_are_kept_and_told() -> None:
    text = SolverText.parse(b'base_lr: 1\neval_type: "detection"\nsolver_mode: NPU\n')
    assert text.unknown == ("eval_type", "solver_mode")
    assert text.changed({"eval_type": None}).data == b"base_lr: 1\nsolver_mode: NPU\n"


def test_what_a_solver_cannot_say_is_refused(tmp_path: Path) -> None:
    text = SolverText.parse(TEXT)
    with pytest.raises(FormatError, match="no single value learning_rate"):
        text.changed({"learning_rate": 0.1})
    with pytest.raises(FormatError, match="max_iter takes an integer"):
        text.changed({"max_iter": "ten"})
    with pytest.raises(FormatError, match="cannot be read"):
        SolverText.read(tmp_path / "missing.prototxt")
