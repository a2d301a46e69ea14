"""Layer types of other packages, which may break down: that is told as what it is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

from netsurgery.errors import NetsurgeryError, NetworkError
from netsurgery.layers.layer import Layer

_OURS = __name__.split(".")[0]


@contextmanager
def plugin_faults_told(layer: Layer) -> Iterator[None]:
    """Tell what breaks down in the layer type of a plugin, by the layer and the type.

    Raises:
        NetworkError: It broke down. What breaks down in a type of this package is a fault of ours,
            and raised as it is.
    """
    try:
        yield
    except NetsurgeryError:
        raise
    except Exception as error:
        if type(layer.layer_type).__module__.split(".")[0] == _OURS:
            raise
        raise NetworkError(
            f"its type {layer.type}, a plugin's, broke down: {type(error).__name__}: {error}",
            layer=layer.name,
            remedy="repair the package it is in, or remove it",
        ) from error
