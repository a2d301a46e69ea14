from __future__ import annotations

import pytest

from netsurgery.errors import FormatError
from netsurgery.network.model import load


@pytest.mark.parametrize(
    "weights",
    ["cifar10_quick_iter_4000.caffemodel", "cifar10_quick_iter_5000.caffemodel.h5"],
)
def test_swapped_arguments_are_named(zoo, weights):
    folder = zoo / "cifar10_quick_h5"
    model = load(folder / "deploy.prototxt", folder / weights)
    assert [blob.shape for blob in model.blobs("ip2")] == [(10, 64), (10,)]
    with pytest.raises(FormatError, match="look swapped; give the prototxt first"):
        load(folder / weights, folder / "deploy.prototxt")


def test_a_single_wrong_file_is_not_called_swapped(zoo):
    weights = zoo / "cifar10_quick_h5" / "cifar10_quick_iter_4000.caffemodel"
    with pytest.raises(FormatError) as refusal:
        load(weights, weights)
    assert "these two arguments look swapped" not in str(refusal.value)


def test_a_model_without_weights_has_no_blobs(zoo):
    model = load(zoo / "cifar10_quick_h5" / "deploy.prototxt")
    assert model.blobs("ip2") == ()
    assert model.network(phase="TRAIN").phase == "TRAIN"
