"""The labelled images of ../shared/data, prepared as each model of ../shared/zoo was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, Optional

import numpy as np

from netsurgery.calibration import Inputs
from netsurgery.formats.caffemodel.binaryproto import read_mean

Prepare = Callable[[np.ndarray], np.ndarray]
ALL, TRAIN, TEST = "all", "train", "test"
_PARTS = {ALL: "test images", TRAIN: "training images", TEST: "test images"}


class ZooData:
    """Labelled images for the models of the zoo.

    Attributes:
        data: The folder of images.
        zoo: The folder of models.
    """

    def __init__(self, data: Path, zoo: Path) -> None:
        self.data, self.zoo = data, zoo

    def inputs(self, weights: Path, blob: str) -> Optional[Inputs]:
        """Return all test images for the net's input ``blob``, or None where there are none.

        Args:
            weights: The model's weights file; its folder in the zoo tells the images.
            blob: The net's input.
        """
        return self._part(weights, blob, ALL)

    def calibration(self, weights: Path, blob: str, count: int) -> Optional[Inputs]:
        """Return ``count`` images, spread evenly, to calibrate a model with, or None.

        Args:
            weights: The model's weights file.
            blob: The net's input.
            count: How many; fewer where there are fewer.
        """
        return self._part(weights, blob, TRAIN, count)

    def training(self, weights: Path, blob: str) -> Optional[Inputs]:
        """Return all training images, uncut where the net sees windows of them, or None.

        Args:
            weights: The model's weights file.
            blob: The net's input.
        """
        uncut = _UNCUT.get(weights.parent.name)
        return uncut(self, blob, TRAIN) if uncut else self._part(weights, blob, TRAIN)

    def held_out(self, weights: Path, blob: str) -> Optional[Inputs]:
        """Return the test images that no calibration has seen, or None."""
        return self._part(weights, blob, TEST)

    def task_output(self, model: str) -> Optional[str]:
        """Return the output that the labels are for, where a net has several of classes."""
        return _TASK_OUTPUTS.get(model)

    def mnist(self, blob: str, index: Optional[str] = None) -> Inputs:
        """All test images of MNIST, or those that an array in the file names."""
        return _mnist(self, blob, ALL if index is None else index.split("_")[0])

    @property
    def mean(self) -> np.ndarray:
        """The mean image of CIFAR-10, shape (3, 32, 32)."""
        return read_mean(self.zoo / "cifar10_quick_h5" / "mean.binaryproto")

    def _part(
        self, weights: Path, blob: str, part: str, count: Optional[int] = None
    ) -> Optional[Inputs]:
        source = _SOURCES.get(weights.parent.name)
        if source is None or weights.name in _NOT_KNOWN:
            return None
        # They lie sorted by class.
        whole = source(self, blob, part)
        return whole if count is None else whole.spread(count)


ObservedValue = Callable[[ZooData, str, str], Inputs]


def _samples(blob: str, name: str, part: str, images: np.ndarray, labels: np.ndarray) -> Inputs:
    description = f"{len(labels)} {_PARTS[part]} of {name}"
    return Inputs({blob: images.astype(np.float32)}, labels, description)


def _mnist(data: ZooData, blob: str, part: str) -> Inputs:
    file = np.load(data.data / "mnist_t10k.npz")
    chosen = np.arange(len(file["labels"])) if part == ALL else file[f"{part}_index"]
    return _samples(
        blob, "MNIST", part, file["images"][chosen][:, None] / 256.0, file["labels"][chosen]
    )


def _mnist_held_out(data: ZooData, blob: str, part: str) -> Inputs:
    # Trained on the others of MNIST's test images.
    return _mnist(data, blob, TEST if part == ALL else part)


def _cats_and_dogs(data: ZooData, blob: str, part: str) -> Inputs:
    file = np.load(data.data / "dogs_cats_64.npz")
    chosen = file["train_index" if part == TRAIN else "test_index"]
    images = (file["images"][chosen] - 120.0) / 64.0
    return _samples(blob, "cats and dogs", part, images, file["labels"][chosen])


def _cifar(prepare: Callable[[ZooData, np.ndarray], np.ndarray]) -> ObservedValue:
    def source(data: ZooData, blob: str, part: str) -> Inputs:
        file = np.load(data.data / "cifar10.npz")
        kind = TRAIN if part == TRAIN else TEST
        images = prepare(data, file[f"{kind}_images"].astype(np.float32))
        return _samples(blob, "CIFAR-10", part, images, file[f"{kind}_labels"])

    return source


def _three_means(data: ZooData, images: np.ndarray) -> np.ndarray:
    return (images - np.array([104, 117, 123], np.float32)[:, None, None]) * 0.017


_mean_image = _cifar(lambda data, images: images - data.mean)

_SOURCES: Dict[str, ObservedValue] = {
    "autopruning_lenet": _mnist,
    "cifar10_bn_graphopt": _cifar(_three_means),
    "cifar10_full_everpeace": _mean_image,
    "cifar10_quick_everpeace": _mean_image,
    "cifar10_quick_h5": _mean_image,
    "cmsisnn_cifar10_m4": _mean_image,
    "dns_lenet300100": _mnist,
    "dns_lenet5": _mnist,
    "lenet_ethereon": _mnist,
    "lenet_everpeace": _mnist,
    "local_cifar10_convfc": _cifar(lambda data, images: (images - 120) / 64),
    "local_dogcat64_convfc": _cats_and_dogs,
    "local_mnist_mlp_2048_1024": _mnist_held_out,
    "resnet20_cifar10": _cifar(lambda data, images: (images - data.mean)[:, :, 2:30, 2:30]),
}

# Nets that are fed windows of what they were trained on.
_UNCUT: Dict[str, ObservedValue] = {"resnet20_cifar10": _mean_image}

# With the preprocessing of its twin this one is at chance, and its own is not published.
_NOT_KNOWN = {"opt_model.caffemodel"}

# Its `prob` reads `ip2`, as it was published.
_TASK_OUTPUTS = {"dns_lenet300100": "ip3"}
