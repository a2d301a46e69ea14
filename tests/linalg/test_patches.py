"""Windows against a loop that is too simple to be wrong; Caffe judges test_matrix_product."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, strategies as st

from netsurgery.linalg.patches import Geometry, extract_patches, windows_over

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
