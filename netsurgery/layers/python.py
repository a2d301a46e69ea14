"""A layer that a user wrote in Python."""

from __future__ import annotations

from typing import Iterator

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, count
from netsurgery.layers.traits import Role, Trouble


@register_layer
class PythonLayer(LayerType):
    """Code that nobody knows."""

    name = "Python"
    is_stock = True
    bottoms = (0, None)
    tops = (0, None)
    keeps = "runs code that nobody knows"
    message = "python_param"

    def mixes_samples(self, layer: Layer) -> bool:
        """Nobody knows what it does."""
        return True

    def input_role(self, layer: Layer, bottom: int, shape: Shape) -> Role:
        """Three numbers a sample are the image's size, as in Faster R-CNN's proposal layer."""
        return Role.IMAGE_SIZE if count(shape[1:]) == 3 else Role.VALUES

    def needs(self, layer: Layer) -> Iterator[Trouble]:
        """Its code is somewhere else."""
        module = layer.parameter.python_param.module
        problem = f"needs a Caffe built with Python layers, and the module {module!r}"
        yield Trouble("note", problem, "put its folder on PYTHONPATH")
