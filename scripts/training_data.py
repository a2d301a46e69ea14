"""What nets of the zoo are tuned on and judged by: fixed parts of ../shared/data."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional

import numpy as np
from accuracy import Net
from zoo_data import ZooData

from netsurgery.calibration import Inputs
from netsurgery.network.model import Model
from netsurgery.training import Augmentation, plain_samples, split

MNIST = Augmentation(shift=1)
CIFAR = Augmentation(mirror=True, shift=2)
_AUGMENTATIONS: Dict[str, Augmentation] = {
    "dns_lenet300100": MNIST,
    "lenet_everpeace": MNIST,
    "lenet_ethereon": MNIST,
    # As it was trained: cut anywhere out of the pictures whose centre judges.
    "resnet20_cifar10": Augmentation(mirror=True, crop=(28, 28)),
}
CATS_AND_DOGS = Augmentation(mirror=True, shift=2)
PARTS = 7
"""Into so many parts cats and dogs are divided, each of which judges once."""


class TrainingData(NamedTuple):
    """Labelled inputs for a net.

    Attributes:
        seen: What it is tuned on: 8,000 of MNIST, 5,000 of CIFAR-10, 1,199 cats and dogs.
        judged: What it is judged by, which no tuning sees: 2,000, 3,000 and 200.
        augmentation: How views of ``seen`` are drawn.
        task_output: The output that labels are for, where a net has several of classes.
    """

    seen: Inputs
    judged: Inputs
    augmentation: Augmentation
    task_output: Optional[str] = None

    @property
    def unlabelled(self) -> Inputs:
        """What it is tuned on where a teacher alone tells what is right."""
        return Inputs(self.seen.arrays, None, self.seen.description)


def training_data(net: Net, model: Model, data: ZooData) -> TrainingData:
    """Return what a net of the zoo is tuned on and judged by.

    Args:
        net: Its files.
        model: The net.
        data: The images.
    """
    file = data.zoo / net.folder / net.weights
    (value,) = model.network().inputs
    seen, judged = data.training(file, value.blob), data.held_out(file, value.blob)
    assert seen, f"no images for {net.folder}"
    assert judged, f"no images for {net.folder}"
    augmentation = _AUGMENTATIONS.get(net.folder, CIFAR)
    return TrainingData(seen, judged, augmentation, data.task_output(net.folder))


def with_judges_of_seen(data: TrainingData) -> TrainingData:
    """Return the same, judged by a fourth of what it is tuned on, which it is not tuned on then.

    Ways of tuning are chosen so, and those images that judge in the end tell nothing of it.

    Args:
        data: What a net is tuned on.
    """
    parts = split(data.seen, 0.25, seed=0, reported_elsewhere=True)
    judged = plain_samples(data.seen.chosen(parts.stop), data.augmentation)
    return data._replace(seen=data.seen.chosen(parts.train), judged=judged)


def cats_and_dogs(data: ZooData, blob: str, part: int = 0) -> TrainingData:
    """Return the cats and dogs as a net of CIFAR-10 is fed: 32 x 32, its mean image taken off.

    Args:
        data: The images.
        blob: The net's input.
        part: Which of the `PARTS` of all images judges; 0 is the one that the file names.
    """
    file = np.load(data.data / "dogs_cats_64.npz")
    images = file["images"].astype(np.float32)
    count, channels, height, width = images.shape
    halved = images.reshape(count, channels, height // 2, 2, width // 2, 2).mean((3, 5))
    shuffled = np.random.RandomState(0).permutation(file["train_index"])
    parts = [file["test_index"], *np.array_split(shuffled, PARTS - 1)]
    judges = np.sort(parts[part])
    others = np.setdiff1d(np.arange(count), judges)
    made = []
    for chosen in (others, judges):
        told, labels = f"{len(chosen)} cats and dogs, 32 x 32", file["labels"][chosen]
        made.append(Inputs({blob: halved[chosen] - data.mean}, labels, told))
    return TrainingData(made[0], made[1], CATS_AND_DOGS)
