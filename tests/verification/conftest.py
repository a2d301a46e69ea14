"""What the tests of this room share: engines, and models of the zoo."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from netsurgery.network.model import Model, load

ZOO = {
    "lenet_ethereon": ("deploy.prototxt", "lenet_iter_10000.caffemodel"),
    "dns_lenet300100": ("deploy_derived.prototxt", "caffe_lenet300100_original.caffemodel"),
    "dns_lenet300100 sparse": ("deploy_derived.prototxt", "caffe_lenet300100_sparse.caffemodel"),
    "cifar10_quick_h5": ("deploy.prototxt", "cifar10_quick_iter_5000.caffemodel.h5"),
    "resnet20_cifar10": ("deploy_derived.prototxt", "ResNet_20.caffemodel"),
    "mtcnn_det3": ("deploy.prototxt", "det3.caffemodel"),
    "yufacedetect_v1": ("deploy.prototxt", "yufacedetectnet-open-v1.caffemodel"),
    "hyperlpr_char": ("deploy.prototxt", "CharacterRecognization.caffemodel"),
}


@pytest.fixture
def model(zoo: Path) -> Callable[[str], Model]:
    """Loads a model of the zoo by its key in `ZOO`."""

    def load_by_name(name: str) -> Model:
        folder = zoo / name.split()[0]
        return load(*(folder / file for file in ZOO[name]))

    return load_by_name
