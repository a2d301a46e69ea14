"""Fields of prototxts that no rule here knows, so that nobody can say what a layer does."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from netsurgery.formats import LayerText
from netsurgery.layers import unknown_fields
from netsurgery.network.graph import Network

# Blocks and fields of forks that say how a net is trained, run or shown, not what it computes.
_HARMLESS_BLOCKS = frozenset(
    {"param", "include", "exclude", "transform_param", "data_param", "loss_param", "filler"}
)
_HARMLESS = """
    backward_math backward_type blobs_lr conv_algos_override cudnn_convolution_algo_seeker
    cudnn_math_override debug_info default_backward_math default_backward_type
    default_cudnn_math_override default_forward_math default_forward_type engine forward_math
    forward_type global_grad_scale need_backward optimize_mem save_file update_global_stats
    visualize visualize_threshold weight_decay workspace_limit
"""
_HARMLESS_FIELDS = frozenset(_HARMLESS.split())


class Foreign(NamedTuple):
    """A field, or a word of an enum, that no rule here knows.

    Attributes:
        layer: The layer that has it; None where it is one of the net's own.
        path: Its dotted path.
    """

    layer: Optional[str]
    path: str

    def __str__(self) -> str:
        return f"{self.path} of layer {self.layer!r}" if self.layer else f"{self.path} of the net"


def foreign_fields(text: LayerText) -> Tuple[str, ...]:
    """Return the dotted paths of the layer's fields of which nobody here knows what they change."""
    return tuple(path for path in unknown_fields(text) if not _is_harmless(path))


def foreign_to(network: Network) -> Tuple[Foreign, ...]:
    """Return all such fields of what a network runs, its own first.

    How data was to be read does not matter where it is fed.
    """
    own = (Foreign(None, path) for path in network.prototxt.unknown if not _is_harmless(path))
    layers = (
        Foreign(one.name, path)
        for one in network.layers
        if not network.stands_in(one)
        for path in foreign_fields(one.text)
    )
    return (*own, *layers)


def why_foreign(text: LayerText) -> Optional[str]:
    """Return why nobody can say what the layer does, or None."""
    paths = foreign_fields(text)
    if not paths:
        return None
    return f"no rule here knows its {paths[0]}, which may change what it computes"


def _is_harmless(path: str) -> bool:
    parts = path.split(".")
    return (
        parts[-1] in _HARMLESS_FIELDS
        or not _HARMLESS_BLOCKS.isdisjoint(parts)
        or any(part.endswith("_filler") for part in parts)
    )
