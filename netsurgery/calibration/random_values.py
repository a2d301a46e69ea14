"""Random inputs that every layer accepts."""

from __future__ import annotations

import math
from typing import Callable, Mapping, NamedTuple

import numpy as np

from netsurgery.calibration.batching import input_shapes, samples_are_apart
from netsurgery.calibration.inputs import Inputs
from netsurgery.calibration.roles import Role, input_roles
from netsurgery.network import Network

REGIONS = 8
Shape = tuple[int, ...]


class _Input(NamedTuple):
    """An input to make up: its blob, the shape of a sample, and where it belongs."""

    name: str
    shape: Shape
    network: Network
    plane: tuple[int, int]


def random_inputs(network: Network, count: int = 8, seed: int = 0) -> Inputs:
    """Make ``count`` random samples for a net.

    Real values are N(0, 1), times 1, 2, 4 ... 128 from one sample to the next and again from
    1, as a prototxt does not tell whether its net was trained on [0, 1] or on [0, 255]. What
    a layer reads as regions, image size, ids or sequence marks gets legal values: boxes
    inside the image (eight, where the net declares one), its height and width and a scale of
    1, ids within the embedding, 0 for the first time step and 1 for the others.

    Where samples cannot be told apart within a batch, each is a whole input blob.

    Raises:
        NetsurgeryError: The net has no inputs, or does not declare their shapes.
    """
    shapes = input_shapes(network)
    whole = len({shape[0] for shape in shapes.values()}) > 1 or not samples_are_apart(
        network, {name: shape[1:] for name, shape in shapes.items()}
    )
    roles = input_roles(network, shapes)
    plane = _largest_plane(shapes)
    arrays = {}
    for name, shape in shapes.items():
        wanted = _Input(name, shape if whole else shape[1:], network, plane)
        random = np.random.default_rng([seed, *name.encode("utf-8", "surrogateescape")])
        samples = [_MAKERS[roles[name]](wanted, random, index) for index in range(count)]
        arrays[name] = np.stack(samples).astype(np.float32)
    return Inputs(arrays, None, f"{count} random samples, seed {seed}", whole, drawn=True)


def _values(wanted: _Input, random: np.random.Generator, index: int) -> np.ndarray:
    return random.standard_normal(wanted.shape) * 2.0 ** (index % 8)


def _boxes(wanted: _Input, random: np.random.Generator, index: int) -> np.ndarray:
    rows, *rest = wanted.shape
    shape = (REGIONS if rows == 1 else rows, *rest)
    count = math.prod(shape) // 5
    ys, xs = (np.sort(random.integers(0, size, (count, 2)), axis=1) for size in wanted.plane)
    columns = [np.zeros(count), xs[:, 0], ys[:, 0], xs[:, 1], ys[:, 1]]
    return np.stack(columns, axis=1).reshape(shape)


def _image_size(wanted: _Input, random: np.random.Generator, index: int) -> np.ndarray:
    return np.resize(np.array([*wanted.plane, 1.0]), wanted.shape)


def _ids(wanted: _Input, random: np.random.Generator, index: int) -> np.ndarray:
    vocabulary = min(
        size
        for layer in wanted.network.layers
        if (size := layer.layer_type.vocabulary(layer)) and layer.bottoms[0].blob == wanted.name
    )
    return random.integers(0, vocabulary, wanted.shape)


def _continuation(wanted: _Input, random: np.random.Generator, index: int) -> np.ndarray:
    marks = np.ones(wanted.shape)
    marks[0] = 0
    return marks


_MAKERS: Mapping[Role, Callable[[_Input, np.random.Generator, int], np.ndarray]] = {
    Role.VALUES: _values,
    Role.BOXES: _boxes,
    Role.IMAGE_SIZE: _image_size,
    Role.IDS: _ids,
    Role.CONTINUATION: _continuation,
}


def _largest_plane(shapes: Mapping[str, Shape]) -> tuple[int, int]:
    """Return height and width of the input that is most like an image."""
    planes = [(shape[2], shape[3]) for shape in shapes.values() if len(shape) == 4]
    return max(planes, key=math.prod, default=(1, 1))
