"""Windows against a loop that is too simple to be wrong; Caffe judges test_matrix_product."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, strategies as st

from netsurgery.linalg.patches import (
    Geometry,
    extract_patches,
    gather_index,
    gather_patches,
    windows_over,
)

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
GEOMETRIES = st.builds(
    Geometry, PAIRS, PAIRS, st.tuples(st.integers(0, 2), st.integers(0, 2)), PAIRS
)


def by_loop(array: np.ndarray, geometry: Geometry) -> np.ndarray:
    kernel, stride, pad, dilation = geometry
    high, wide = windows_over(array.shape, geometry)
    found = np.zeros((len(array), high * wide, array.shape[1], *kernel), array.dtype)
    for place in range(high * wide):
        for i, j in np.ndindex(*kernel):
            row = place // wide * stride[0] - pad[0] + i * dilation[0]
            column = place % wide * stride[1] - pad[1] + j * dilation[1]
            if 0 <= row < array.shape[2] and 0 <= column < array.shape[3]:
                found[:, place, :, i, j] = array[:, :, row, column]
    return found.reshape(len(array), high * wide, -1)


@given(
    geometry=GEOMETRIES,
    shape=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(3, 7), st.integers(3, 7)),
    seed=st.integers(0, 99),
)
def test_patches_are_the_windows(geometry, shape, seed) -> None:
    high, wide = windows_over(shape, geometry)
    assume(high > 0 and wide > 0)
    random = np.random.default_rng(seed)
    array = random.normal(size=shape).astype(np.float32)
    expected = by_loop(array, geometry)
    found = extract_patches(array, geometry)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    places = random.permutation(high * wide)[: 1 + high * wide // 2]
    np.testing.assert_array_equal(extract_patches(array, geometry, places), expected[:, places])


@given(
    geometry=GEOMETRIES,
    shape=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(3, 7), st.integers(3, 7)),
    seed=st.integers(0, 99),
)
def test_windows_are_made_of_the_positions_that_they_cover(geometry, shape, seed) -> None:
    high, wide = windows_over(shape, geometry)
    assume(high > 0 and wide > 0)
    random = np.random.default_rng(seed)
    array = random.normal(size=shape).astype(np.float32)
    places = np.sort(random.permutation(high * wide)[: 1 + high * wide // 3])
    positions, index = gather_index(shape, geometry, places)
    # Each once, and none that no window covers: what is in the padding is sent by nobody.
    covered = by_loop(np.arange(1.0, 1 + np.prod(shape[2:])).reshape(1, 1, *shape[2:]), geometry)
    assert (positions + 1).tolist() == sorted(set(covered[0, places].ravel()) - {0.0})
    gathered = array.reshape(*shape[:2], -1)[:, :, positions]
    found = gather_patches(gathered, index)
    wanted = extract_patches(array, geometry, places)
    np.testing.assert_array_equal(found[0], wanted.reshape(found[0].shape))
    groups = gather_patches(gathered, index, shape[1])
    each = wanted.reshape(-1, shape[1], index.shape[1]).transpose(1, 0, 2)
    np.testing.assert_array_equal(groups, each)


def test_padding_is_zero_whatever_stands_inside() -> None:
    array = np.full((1, 1, 2, 2), np.nan, np.float32)
    found = extract_patches(array, Geometry((3, 3), (1, 1), (1, 1)), np.array([0]))
    np.testing.assert_array_equal(np.isnan(found).reshape(3, 3)[0], [False] * 3)
