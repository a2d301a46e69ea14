"""What is known of each layer type, one file a type: shapes, blobs, channels, constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.layers.base import (
        Fields as Fields,
        Kept as Kept,
        LayerType as LayerType,
        UnknownLayer as UnknownLayer,
    )
    from netsurgery.layers.deconvolution import (
        BaseDeconvolutionLayer as BaseDeconvolutionLayer,
    )
    from netsurgery.layers.labels import (
        placed as placed,
        reshaped as reshaped,
        spread as spread,
        squeezed as squeezed,
        varying as varying,
    )
    from netsurgery.layers.layer import (
        Layer as Layer,
        Value as Value,
    )
    from netsurgery.layers.nodes import (
        CARRIES as CARRIES,
        MAKES as MAKES,
        READS as READS,
        ChannelNode as ChannelNode,
        ConstantNode as ConstantNode,
        KeptAxis as KeptAxis,
        ShapeNode as ShapeNode,
        Use as Use,
        nothing as nothing,
    )
    from netsurgery.layers.normalising import (
        NORMALISING as NORMALISING,
        Normalisation as Normalisation,
        NormalisationBlobs as NormalisationBlobs,
        blob_shapes as blob_shapes,
        eps_of as eps_of,
        places_of as places_of,
        read_normalisation as read_normalisation,
        why_not_frozen as why_not_frozen,
    )
    from netsurgery.layers.pooling import (
        has_empty_windows as has_empty_windows,
    )
    from netsurgery.layers.registry import (
        LAYERS as LAYERS,
        layer_type as layer_type,
        layer_types as layer_types,
        register_layer as register_layer,
        why_unknown as why_unknown,
    )
    from netsurgery.layers.shape import (
        Shape as Shape,
        count as count,
        show as show,
    )
    from netsurgery.layers.spreading import (
        covered_axes as covered_axes,
        spread_shape as spread_shape,
    )
    from netsurgery.layers.ties import (
        LabelRange as LabelRange,
        Ties as Ties,
    )
    from netsurgery.layers.twins import (
        CONVOLUTION as CONVOLUTION,
        DEPTHWISE as DEPTHWISE,
        groups_of as groups_of,
        names_of as names_of,
        stock_type as stock_type,
        with_twins as with_twins,
    )
    from netsurgery.layers.union_find import (
        UnionFind as UnionFind,
    )
    from netsurgery.layers.windows import (
        Windows as Windows,
        read_windows as read_windows,
    )

__getattr__, __dir__, __all__ = face(__name__)
