"""Files of masks: one bit a weight, read back as they were; what is no such file is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from netsurgery.errors import FormatError
from netsurgery.formats import mask_file, read_masks, write_masks

KEYS = st.tuples(
    st.text(st.characters(min_codepoint=32, exclude_categories=("Cs",)), min_size=1, max_size=12),
    st.integers(0, 4),
)
MASKS = st.dictionaries(
    KEYS, arrays(bool, array_shapes(max_dims=4, max_side=5)), min_size=1, max_size=3
)


@given(masks=MASKS)
def test_masks_come_back(tmp_path_factory: pytest.TempPathFactory, masks: Dict[Any, Any]) -> None:
    path = tmp_path_factory.mktemp("masks") / "net.masks.npz"
    path.write_bytes(write_masks(masks))
    found = read_masks(path)
    assert list(found) == list(masks)
    for key, mask in masks.items():
        assert found[key].dtype == bool
        assert np.array_equal(found[key], mask)


def test_a_weight_takes_a_bit_and_the_same_masks_the_same_bytes() -> None:
    mask = np.random.RandomState(0).uniform(size=(100, 1000)) > 0.5
    data = write_masks({("fc", 0): mask})
    assert len(data) < 100_000 / 8 + 700
    assert data == write_masks({("fc", 0): mask.copy()})


def hostile(path: Path, **changes: Any) -> Path:
    """A file like one of masks of a blob of 3 x 4, but for some arrays."""
    good = {"fc\n0": np.zeros(2, np.uint8), "fc\n0/shape": np.array([3, 4])}
    arrays = {**good, **changes.get("arrays", {})}
    np.savez(path, **{key: array for key, array in arrays.items() if array is not None})
    return path


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"fc\n0/shape": np.array([2**40, 2**40])}, "a shape that no blob has"),
        ({"fc\n0/shape": np.array([-3, -4])}, "a shape that no blob has"),
        ({"fc\n0/shape": np.array([3.0, 4.0])}, "a shape that no blob has"),
        ({"fc\n0/shape": np.ones(40, np.int64)}, "a shape that no blob has"),
        ({"fc\n0": np.zeros(3, np.uint8)}, "not one bit for each weight"),
        ({"fc\n0": np.zeros(2)}, "not one bit for each weight"),
        ({"fc\n0/shape": None}, "fc"),
        ({"w": np.zeros(2, np.uint8)}, "'w' names no blob of a layer"),
        ({"fc\n0": None, "fc\n0/shape": None}, "it holds none"),
        ({"fc\n0": np.array([{}], object)}, "is no file of masks"),
    ],
)
def test_what_is_no_file_of_masks_is_refused(
    tmp_path: Path, arrays: Dict[str, Any], problem: str
) -> None:
    path = hostile(tmp_path / "net.masks.npz", arrays=arrays)
    with pytest.raises(FormatError, match=f"net.masks.npz.*{problem}"):
        read_masks(path)


def test_what_would_fill_the_memory_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.masks.npz"
    path.write_bytes(write_masks({("fc", 0): np.ones((1000, 1000), bool)}))
    monkeypatch.setattr(mask_file, "MOST", 8e5)
    monkeypatch.setattr(np, "unpackbits", None)
    with pytest.raises(FormatError, match="is larger than any mask"):
        read_masks(path)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00v\x00{'descr'", b"no"])
def test_other_files_are_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "net.masks.npz"
    path.write_bytes(data)
    with pytest.raises(FormatError, match="give the file that prune wrote beside the weights"):
        read_masks(path)


def test_a_lone_array_and_no_file_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(FormatError, match="it holds one array, and no masks"):
        read_masks(tmp_path / "one.npy")
    with pytest.raises(FormatError, match="cannot be read: No such file"):
        read_masks(tmp_path / "none.npz")
