"""The twin of a large pair: its product is written to a file by rows, and never held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_models import two_layers

from netsurgery.formats.blob import Blob
from netsurgery.formats.on_disk import product_blob
from netsurgery.linalg import Factored, factored, relative_distance
from netsurgery.methods import Edit
from netsurgery.planning import Plan
from netsurgery.surgery import operate, record

PLAN = Plan((Edit("fc6", "svd", {"rank": 4}), Edit("fc7", "svd", {"rank": 2})))


@pytest.mark.parametrize("rows", [1, 5, 7, 100])
def test_a_product_comes_by_rows(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(rows)
    product = Factored(random.normal(size=(7, 3)), random.normal(size=(3, 4)))
    monkeypatch.setattr(factored, "NUMBERS", 4 * rows)
    blocks = list(product.blocks())
    assert [len(block) for block in blocks[:-1]] == [min(rows, 7)] * (len(blocks) - 1)
    # the same sums of three terms, in float64
    np.testing.assert_allclose(np.concatenate(blocks), product.multiplied_out(), rtol=1e-13)


def test_a_product_is_multiplied_out_once_when_it_is_read(tmp_path: Path) -> None:
    factors = Factored(np.ones((3, 1), np.float32), np.arange(4, dtype=np.float32)[None])
    file = tmp_path / "numbers"
    blob = product_blob(file, factors)
    assert not file.exists()
    assert blob.digest == Blob.of(factors.multiplied_out()).digest
    written = file.stat().st_mtime_ns
    np.testing.assert_array_equal(blob.array(), factors.multiplied_out())
    assert file.stat().st_mtime_ns == written
    assert [path.name for path in tmp_path.iterdir()] == ["numbers"]


def test_a_large_twin_is_the_one_that_would_be_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    surgery = operate(two_layers(), PLAN)
    held = surgery.twin()
    errors = surgery.errors(held)
    monkeypatch.setattr(record, "LARGE", 0)
    on_disk = surgery.twin(folder=tmp_path)
    # float32 sums against float64 ones
    assert surgery.errors(on_disk) == pytest.approx(errors, rel=1e-6)
    assert not list(tmp_path.iterdir()), "the errors of fitted pairs need no product"
    for name in ("fc6", "fc7"):
        one, other = held.blobs(name), on_disk.blobs(name)
        assert [blob.shape for blob in one] == [blob.shape for blob in other]
        np.testing.assert_array_equal(one[0].array(), other[0].array())
    assert len(list(tmp_path.iterdir())) == 2


def test_a_distance_by_blocks_is_that_of_the_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    one, other = (random.normal(size=(40, 50)).astype(np.float32) for _ in range(2))
    monkeypatch.setattr(record, "LARGE", 0)
    blobs = Blob.of(one), Blob.of(other)
    assert record.distance(*blobs) == pytest.approx(relative_distance(one, other), rel=1e-6)
    zeros = Blob.of(np.zeros((40, 50)))
    assert record.distance(zeros, blobs[1]) == 0.0
