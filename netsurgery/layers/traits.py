"""What layer types say of themselves: kinds of products, inputs and data, and what blobs hold."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from netsurgery.layers.layer import Value


class Product(Enum):
    """How a layer multiplies what it reads by its weights; the value is stock Caffe's type."""

    CONVOLUTION = "Convolution"
    DECONVOLUTION = "Deconvolution"
    DENSE = "InnerProduct"


ROW_PRODUCTS = (Product.CONVOLUTION, Product.DENSE)
"""Products that take rows of their input, each of which makes one row of outputs."""


class Role(Enum):
    """The meaning of the numbers that a layer reads."""

    VALUES = "real values"
    BOXES = "regions of interest: image in the batch, x1, y1, x2, y2"
    IMAGE_SIZE = "height, width and scale of the image"
    IDS = "rows of an embedding"
    CONTINUATION = "0 where a sequence begins, else 1"


class DataSource(Enum):
    """What a layer without bottoms reads from files; the value is stock Caffe's type."""

    DATABASE = "Data"
    IMAGES = "ImageData"
    HDF5 = "HDF5Data"
    WINDOWS = "WindowData"


class Compared(Enum):
    """What a layer that trains or tests a net compares with the truth."""

    CLASSES = "a score for each class"
    PROBABILITIES = "a probability for each number"
    VALUES = "the numbers themselves"


class Averaged(Enum):
    """What a sum of losses is divided by; the value is stock Caffe's word."""

    VALID = "VALID"
    """The places with a label that counts."""
    FULL = "FULL"
    """All places."""
    INPUTS = "BATCH_SIZE"
    NOTHING = "NONE"


class BlobFacts(NamedTuple):
    """What one blob of a layer is.

    Attributes:
        name: What it holds.
        outputs: Its axis of output channels, or None.
        inputs: Its axis of input channels (of one group), or None.
    """

    name: str
    outputs: Optional[int] = None
    inputs: Optional[int] = None


WEIGHTS = BlobFacts("weights", 0, 1)
"""Weights of a product, outputs first."""
TRANSPOSED_WEIGHTS = BlobFacts("weights", 1, 0)
"""Weights of a product, inputs first."""
CHANNEL_WEIGHTS = BlobFacts("weights", 0)
"""One number for each channel."""
BIAS = BlobFacts("bias", 0)


class Detection(NamedTuple):
    """From what a layer chooses its detections.

    Attributes:
        boxes: The boxes.
        scores: The scores of every class for every box.
        classes: How many classes.
        background: The class that says that there is nothing; -1 for none.
        least: The score from which on a box is told of.
    """

    boxes: Value
    scores: Value
    classes: int
    background: int
    least: float


class Trouble(NamedTuple):
    """Something about a layer that whoever runs the net should know.

    Attributes:
        severity: ``"error"``: stock Caffe refuses it. ``"warning"``: it takes it, and computes
            something else than was meant. ``"note"``: good to know.
        problem: What is wrong.
        remedy: What to do about it.
    """

    severity: str
    problem: str
    remedy: Optional[str] = None
