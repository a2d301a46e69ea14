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
    from netsurgery.layers.convolution import (
        ConvolutionLayer as ConvolutionLayer,
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
    from netsurgery.layers.linear import (
        Linear as Linear,
    )
    from netsurgery.layers.matrix_product import (
        MatrixProduct as MatrixProduct,
        Places as Places,
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
    from netsurgery.layers.plugins import plugin_faults_told as plugin_faults_told
    from netsurgery.layers.registry import (
        LAYERS as LAYERS,
        layer_type as layer_type,
        layer_types as layer_types,
        register_layer as register_layer,
        unknown_fields as unknown_fields,
        why_unknown as why_unknown,
    )
    from netsurgery.layers.scale import (
        ScaleLayer as ScaleLayer,
    )
    from netsurgery.layers.scale_shift import (
        Axis as Axis,
        PerChannel as PerChannel,
        per_channel as per_channel,
        shifted as shifted,
    )
    from netsurgery.layers.shape import (
        Shape as Shape,
        count as count,
        show as show,
    )
    from netsurgery.layers.spreading import (
        spread_shape as spread_shape,
    )
    from netsurgery.layers.ties import (
        Ties as Ties,
    )
    from netsurgery.layers.traits import (
        ROW_PRODUCTS as ROW_PRODUCTS,
        Averaged as Averaged,
        BlobFacts as BlobFacts,
        Compared as Compared,
        DataSource as DataSource,
        Detection as Detection,
        Product as Product,
        Role as Role,
        Trouble as Trouble,
    )
    from netsurgery.layers.union_find import (
        UnionFind as UnionFind,
    )
    from netsurgery.layers.windows import (
        Windows as Windows,
        read_windows as read_windows,
    )

__getattr__, __dir__, __all__ = face(__name__)
