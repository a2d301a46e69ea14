"""A small net for each layer type: it stands between layers that make channels and read them."""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Tuple

PICTURE = "c:2x8x6x6"
RECURRENT = "recurrent_param { num_output: 4 %s}"
SEQUENCE = "x:5x2x3 x:5x2"


class Wiring(NamedTuple):
    """How a layer stands in its example.

    Attributes:
        bottoms: What it reads, ``"c:2x8x6x6"``: ``c`` what a convolution makes, ``d`` what an
            InnerProduct makes, ``x`` an input of the net.
        body: Its other fields.
        tops: How many tops it has.
        read: Whether an InnerProduct reads each of them.
    """

    bottoms: str = PICTURE
    body: str = ""
    tops: int = 1
    read: bool = True


def loss(bottoms: str, body: str = "") -> Wiring:
    return Wiring(bottoms, body, read=False)


def kernel(extra: str = "") -> Wiring:
    return Wiring(body=f"convolution_param {{ num_output: 4 kernel_size: 3 {extra} }}")


def source(body: str, tops: int = 2) -> Wiring:
    return Wiring("", body, tops, read=False)


DEFAULT = (Wiring(),)
REGIONS = (Wiring(f"{PICTURE} x:7x5"),)
EXAMPLES: Dict[str, Tuple[Wiring, ...]] = {
    "Accuracy": (loss("d:2x5 x:2"),),
    "ArgMax": (loss("d:2x5"), Wiring(body="argmax_param { axis: 1 }")),
    "Axpy": (Wiring(f"c:2x8x1x1 {PICTURE} {PICTURE}"),),
    "BN": (Wiring(body="bn_param { bn_mode: INFERENCE }"), Wiring(body="bn_param { eps: 1e-5 }")),
    "BatchNorm": (*DEFAULT, Wiring("d:2x8"), Wiring(body="batch_norm_param { scale_bias: true }")),
    "BatchReindex": (Wiring(f"{PICTURE} x:3"),),
    "Bias": (*DEFAULT, Wiring(f"{PICTURE} d:2x8", "bias_param { axis: 0 }")),
    "CConvolution": (kernel(),),
    "CInnerProduct": (Wiring(body="inner_product_param { num_output: 4 }"),),
    "Concat": (
        Wiring(f"{PICTURE} c:2x4x6x6"),
        Wiring(f"{PICTURE} {PICTURE}", "concat_param { axis: 2 }"),
        Wiring("d:2x3 d:2x4", "concat_param { concat_dim: 1 }"),
    ),
    "ContinuationIndicator": (
        Wiring("", "continuation_indicator_param { time_step: 5 batch_size: 2 }"),
    ),
    "ContrastiveLoss": (loss("d:2x5 d:2x5 x:2"),),
    "Convolution": (kernel(), kernel("group: 2"), kernel("bias_term: false dilation: 2")),
    "ConvolutionDepthwise": (
        Wiring(body="convolution_param { num_output: 8 kernel_size: 3 pad: 1 }"),
    ),
    "ConvolutionRistretto": (kernel(),),
    "Crop": (Wiring(f"{PICTURE} c:2x8x4x4"),),
    "Data": (source("data_param { batch_size: 2 }"),),
    "DeformablePSROIPooling": REGIONS,
    "Deconvolution": (kernel(), kernel("group: 4"), kernel("stride: 2 bias_term: false")),
    "DeconvolutionRistretto": (kernel("group: 2"),),
    "DetectionOutput": (loss("x:2x16 x:2x12 x:1x2x16"),),
    "DummyData": (source("dummy_data_param { shape { dim: [2, 3] } }"),),
    "Eltwise": (
        Wiring(f"{PICTURE} {PICTURE}"),
        Wiring(f"{PICTURE} c:2x8x1x1", "eltwise_param { operation: PROD }"),
    ),
    "Embed": (Wiring("x:2x3", "embed_param { num_output: 4 input_dim: 9 }"),),
    "EuclideanLoss": (loss("d:2x5 x:2x5"),),
    "FcRistretto": (Wiring(body="inner_product_param { num_output: 4 }"),),
    "Filter": (Wiring(f"{PICTURE} x:2"),),
    "FlowWarp": (Wiring(f"{PICTURE} x:2x2x6x6"),),
    "HDF5Output": (Wiring("d:2x5 x:2", tops=0),),
    "HingeLoss": (loss("d:2x5 x:2"),),
    "HDF5Data": (source("hdf5_data_param { batch_size: 2 }"),),
    "Im2col": (Wiring(body="convolution_param { kernel_size: 3 }"),),
    "ImageData": (source("image_data_param { batch_size: 2 new_height: 4 new_width: 5 }"),),
    "InfogainLoss": (loss("d:2x5 x:2"),),
    "InnerProduct": (
        Wiring(body="inner_product_param { num_output: 4 }"),
        Wiring("d:2x8", "inner_product_param { num_output: 4 bias_term: false transpose: true }"),
    ),
    "Input": (Wiring("", "input_param { shape { dim: [2, 3] } }"),),
    "Interp": (
        Wiring(body="interp_param { zoom_factor: 2 }"),
        Wiring(f"{PICTURE} x:2x1x4x4"),
    ),
    "L1Loss": (loss("d:2x5 x:2x5"),),
    "LRN": (*DEFAULT, Wiring(body="lrn_param { norm_region: WITHIN_CHANNEL }")),
    "LSTM": (Wiring(SEQUENCE, RECURRENT % ""), Wiring(f"{SEQUENCE} x:2x4", RECURRENT % "")),
    "LSTMUnit": (Wiring("x:1x2x4 x:1x2x16 x:1x2", tops=2),),
    "MVN": (*DEFAULT, Wiring(body="mvn_param { across_channels: true }")),
    "MemoryData": (source("memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 }"),),
    "MultiBoxLoss": (loss("x:2x16 x:2x12 x:1x2x16 x:1x1x3x8"),),
    "MultinomialLogisticLoss": (loss("d:2x5 x:2"),),
    "Normalize": (*DEFAULT, Wiring(body="norm_param { channel_shared: false }")),
    "PReLU": (*DEFAULT, Wiring(body="prelu_param { channel_shared: true }")),
    "PSROIAlign": REGIONS,
    "PSROIPooling": (
        Wiring(
            "c:2x8x6x6 x:7x5",
            "psroi_pooling_param { spatial_scale: 0.1 output_dim: 2 group_size: 2 }",
        ),
    ),
    "Parameter": (Wiring("", "parameter_param { shape { dim: [2, 3] } }"),),
    "Permute": (
        Wiring(body="permute_param { order: [0, 2, 3, 1] }"),
        Wiring(body="permute_param { order: 1 }"),
    ),
    "Pooling": (
        Wiring(body="pooling_param { kernel_size: 2 stride: 2 }"),
        Wiring(body="pooling_param { pool: AVE global_pooling: true }"),
        Wiring(body="pooling_param { kernel_size: 3 stride: 2 pad: 1 }", tops=2),
    ),
    "PriorBox": (Wiring(f"{PICTURE} x:2x3x48x48", "prior_box_param { min_size: 8 }"),),
    "Proposal": (loss("c:1x4x6x6 c:1x8x6x6 x:1x3"),),
    "RNN": (Wiring(SEQUENCE, RECURRENT % ""), Wiring(f"{SEQUENCE} x:2x4", RECURRENT % "")),
    "ROIAlign": (Wiring(f"{PICTURE} x:7x5", "roi_align_param { pooled_h: 3 pooled_w: 3 }"),),
    "ROIWarping": REGIONS,
    "ROIPooling": (Wiring(f"{PICTURE} x:7x5", "roi_pooling_param { pooled_h: 3 pooled_w: 3 }"),),
    "Reduction": (loss("d:2x5"), Wiring(body="reduction_param { axis: 2 }")),
    "Reorg": (Wiring(body="reorg_param { stride: 2 }"),),
    "Reshape": (
        Wiring(body="reshape_param { shape { dim: [0, 8, 36] } }"),
        Wiring(body="reshape_param { shape { dim: [2, -1] } }"),
        Wiring(body="reshape_param { shape { dim: [0, 2, 4, 36] } }"),
    ),
    "SPP": (Wiring(body="spp_param { pyramid_height: 2 }"),),
    "Scale": (
        Wiring(body="scale_param { bias_term: true }"),
        Wiring(f"{PICTURE} d:2x8", "scale_param { axis: 0 }"),
    ),
    "ShuffleChannel": (Wiring(body="shuffle_channel_param { group: 2 }"),),
    "SigmoidCrossEntropyLoss": (loss("d:2x5 x:2x5"),),
    "Silence": (Wiring(f"{PICTURE} x:2", tops=0),),
    "Slice": (Wiring(tops=2), Wiring(body="slice_param { slice_point: 3 }", tops=2)),
    "SmoothL1Loss": (loss("d:2x5 x:2x5"),),
    "Softmax": (*DEFAULT, Wiring(body="softmax_param { axis: 2 }")),
    "SoftmaxWithLoss": (loss("d:2x5 x:2"),),
    "SpatialProduct": (Wiring(f"{PICTURE} x:2x1x6x6"),),
    "Split": (Wiring(tops=3),),
    "Tile": (
        Wiring(body="tile_param { tiles: 2 }"),
        Wiring(body="tile_param { axis: 2 tiles: 2 }"),
    ),
    "Transpose": (Wiring(body="transpose_param { dim: [3, 0, 1, 2] }"),),
    "Upsample": (
        Wiring(body="upsample_param { scale: 2 }"),
        Wiring(f"{PICTURE} {PICTURE}", "upsample_param { scale: 2 }"),
    ),
    "WindowData": (source("window_data_param { batch_size: 2 } transform_param { crop_size: 4 }"),),
}


def example_nets(layer_type: str, known_as: str) -> List[str]:
    """The nets in which a type is shown, under one of its names."""
    wirings = EXAMPLES.get(layer_type, DEFAULT)
    return ["".join(_layers(known_as, wiring)) for wiring in wirings]


def _layers(name: str, wiring: Wiring) -> Iterator[str]:
    bottoms = []
    for number, given in enumerate(wiring.bottoms.split()):
        made, sizes = given.split(":")
        blob = f"{made}{number}"
        shape = [int(size) for size in sizes.split("x")]
        whole = shape if made == "x" else [shape[0], 3, *shape[2:]]
        yield f'input: "x{number}" input_shape {{ dim: {whole} }}\n'
        if made == "c":
            yield _layer("Convolution", blob, [f"x{number}"], [blob], _KERNEL % shape[1])
        elif made == "d":
            yield _layer("InnerProduct", blob, [f"x{number}"], [blob], _MATRIX % shape[1])
        bottoms.append(blob)
    tops = [f"y{number}" for number in range(wiring.tops)]
    yield _layer(name, "it", bottoms, tops, wiring.body)
    for top in tops if wiring.read else ():
        yield _layer("InnerProduct", f"of {top}", [top], [f"of {top}"], _MATRIX % 2)


_KERNEL = "convolution_param { num_output: %d kernel_size: 1 }"
_MATRIX = "inner_product_param { num_output: %d }"


def _layer(kind: str, name: str, bottoms: List[str], tops: List[str], body: str) -> str:
    wires = [f'bottom: "{bottom}"' for bottom in bottoms] + [f'top: "{top}"' for top in tops]
    return f'layer {{ name: "{name}" type: "{kind}" {" ".join(wires)} {body} }}\n'
