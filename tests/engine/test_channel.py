"""The frames that pass between netsurgery and its workers."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hn

from netsurgery.engine.process import WORKERS
from netsurgery.engine.workers.channel import read_frame, write_frame

PYTHON2 = Path(os.path.expanduser("~/.pyenv/versions/2.7.18/bin/python"))

arrays = hn.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8]),
    hn.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
)
headers = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key != "arrays"),
    st.text(max_size=5) | st.integers() | st.lists(st.text(max_size=3), max_size=2),
    max_size=3,
)


def frame_of(header: Any, arrays: Any) -> bytes:
    stream = io.BytesIO()
    write_frame(stream, header, arrays)
    return stream.getvalue()


@given(headers, st.lists(arrays, max_size=3))
def test_a_frame_is_read_as_it_was_written(header: Any, sent: Any) -> None:
    stream = io.BytesIO(frame_of(header, sent) * 2)
    for _ in range(2):
        answer, received = read_frame(stream)
        assert answer == header
        assert [a.tobytes() for a in received] == [a.tobytes() for a in sent]
        assert [(a.shape, a.dtype) for a in received] == [(a.shape, a.dtype) for a in sent]


def test_arrays_that_are_not_contiguous_are_sent_in_order() -> None:
    sent = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)[::2]
    _, (received,) = read_frame(io.BytesIO(frame_of({}, [sent])))
    assert np.array_equal(received, sent)


@given(st.integers(min_value=0))
def test_a_frame_that_is_cut_short_is_an_end_of_file(cut: int) -> None:
    frame = frame_of({"key": "value"}, [np.arange(5.0)])
    with pytest.raises(EOFError):
        read_frame(io.BytesIO(frame[: cut % len(frame)]))


def test_names_that_are_not_unicode_survive() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    header, _ = read_frame(io.BytesIO(frame_of({"name": name}, [])))
    assert header == {"name": name}


OF_CAFFE = ["__init__.py", "channel.py", "caffe_worker.py", "caffe_trainer.py", "solver_state.py"]


@pytest.mark.parametrize("name", OF_CAFFE)
def test_what_runs_beside_caffe_is_python_2_7(name: str, tmp_path: Path) -> None:
    if not PYTHON2.exists():
        pytest.skip(f"needs {PYTHON2}")
    copy = tmp_path / name
    copy.write_bytes((WORKERS / name).read_bytes())
    run = subprocess.run([PYTHON2, "-m", "py_compile", copy], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
