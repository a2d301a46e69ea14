"""Layers of the detector forks, for which real Caffe is no judge: nets and the shapes of tops."""

from __future__ import annotations

from typing import Dict, Tuple

from special_nets import layer

Shape = Tuple[int, ...]


def net(dims: str, *layers: str) -> str:
    """Legacy inputs ``x``, ``x1``, ... of the given sizes, then the layers."""
    heads = []
    for number, sizes in enumerate(dims.split("; ")):
        shape = " ".join(f"dim: {dim}" for dim in sizes.split())
        heads.append(f'input: "x{number or ""}"\ninput_shape {{ {shape} }}\n')
    return "".join(heads) + "".join(layers)


REGIONS = "2 16 9 12; 7 5"
PRIOR_PARAM = "prior_box_param { variance: 0.1 min_size: 8 %s }"
PRIORS = "1 8 5 4; 1 3 40 32"

# OpenCV runs these, and is the judge.
OPENCV: Dict[str, Tuple[str, Shape]] = {
    "roi pooling": (
        net(
            REGIONS,
            layer("ROIPooling", "x x1", "y", "roi_pooling_param { pooled_h: 3 pooled_w: 4 }"),
        ),
        (7, 16, 3, 4),
    ),
    "psroi pooling": (
        net(
            "1 18 9 12; 7 5",
            layer(
                "PSROIPooling",
                "x x1",
                "y",
                "psroi_pooling_param { spatial_scale: 0.1 output_dim: 2 group_size: 3 }",
            ),
        ),
        (7, 2, 3, 3),
    ),
    "prior box": (
        net(PRIORS, layer("PriorBox", "x x1", "y", PRIOR_PARAM % "")),
        (1, 2, 5 * 4 * 1 * 4),
    ),
    "prior box with ratios": (
        net(
            PRIORS,
            layer(
                "PriorBox",
                "x x1",
                "y",
                PRIOR_PARAM % "max_size: 16 aspect_ratio: 2 aspect_ratio: 3",
            ),
        ),
        (1, 2, 5 * 4 * 6 * 4),
    ),
    "prior box without flips": (
        net(
            PRIORS,
            layer(
                "PriorBox",
                "x x1",
                "y",
                PRIOR_PARAM % "min_size: 9 aspect_ratio: 2 flip: false",
            ),
        ),
        (1, 2, 5 * 4 * 4 * 4),
    ),
    "permute": (
        net(
            "2 3 4 5",
            layer("Permute", "x", "y", "permute_param { order: 0 order: 2 order: 3 order: 1 }"),
        ),
        (2, 4, 5, 3),
    ),
    "normalize": (net("2 3 4 5", layer("Normalize", "x", "y")), (2, 3, 4, 5)),
    "shuffle": (
        net("2 6 4 5", layer("ShuffleChannel", "x", "y", "shuffle_channel_param { group: 3 }")),
        (2, 6, 4, 5),
    ),
    "interp to a size": (
        net("2 3 4 5", layer("Interp", "x", "y", "interp_param { height: 7 width: 9 }")),
        (2, 3, 7, 9),
    ),
    "interp by zoom": (
        net("2 3 4 5", layer("Interp", "x", "y", "interp_param { zoom_factor: 2 }")),
        (2, 3, 7, 9),
    ),
    "reorg": (
        net("2 4 4 6", layer("Reorg", "x", "y", "reorg_param { stride: 2 }")),
        (2, 16, 2, 3),
    ),
    "pooling that rounds down": (
        net(
            "2 3 6 7",
            layer(
                "Pooling", "x", "y", "pooling_param { kernel_size: 3 stride: 2 ceil_mode: false }"
            ),
        ),
        (2, 3, 2, 3),
    ),
}

# Worked out by hand from what the forks' sources say.
BY_HAND: Dict[str, Tuple[str, Shape]] = {
    "roi align": (
        net(REGIONS, layer("ROIAlign", "x x1", "y", "roi_align_param { pooled_h: 3 pooled_w: 4 }")),
        (7, 16, 3, 4),
    ),
    "interp by shrink": (
        net("2 3 9 9", layer("Interp", "x", "y", "interp_param { shrink_factor: 4 }")),
        (2, 3, 3, 3),
    ),
    "interp by both": (
        net(
            "2 3 9 9", layer("Interp", "x", "y", "interp_param { shrink_factor: 4 zoom_factor: 2 }")
        ),
        (2, 3, 5, 5),
    ),
    "interp with pad": (
        net("2 3 9 9", layer("Interp", "x", "y", "interp_param { zoom_factor: 2 pad_end: -1 }")),
        (2, 3, 15, 15),
    ),
    "interp like another": (net("2 3 9 9; 2 1 4 5", layer("Interp", "x x1", "y")), (2, 3, 4, 5)),
    "upsample": (net("2 3 4 5", layer("Upsample", "x", "y")), (2, 3, 8, 10)),
    "upsample by a mask": (
        net(
            "2 3 4 5; 2 3 4 5",
            layer("Upsample", "x x1", "y", "upsample_param { scale: 2 pad_out_h: true }"),
        ),
        (2, 3, 7, 10),
    ),
    "upsample to a size": (
        net(
            "2 3 4 5; 2 3 4 5",
            layer("Upsample", "x x1", "y", "upsample_param { upsample_h: 45 upsample_w: 60 }"),
        ),
        (2, 3, 45, 60),
    ),
    "upsample by two scales": (
        net("2 3 4 5", layer("Upsample", "x", "y", "upsample_param { scale_h: 3 scale_w: 2 }")),
        (2, 3, 12, 10),
    ),
    "reorg back": (
        net("2 16 2 3", layer("Reorg", "x", "y", "reorg_param { stride: 2 reverse: true }")),
        (2, 4, 4, 6),
    ),
    "crelu": (net("2 3 4 5", layer("CReLU", "x", "y")), (2, 6, 4, 5)),
    "axpy": (net("2 3; 2 3 4 5; 2 3 4 5", layer("Axpy", "x x1 x2", "y")), (2, 3, 4, 5)),
    "bn": (net("2 3 4 5", layer("BN", "x", "y")), (2, 3, 4, 5)),
    "continuation marks": (
        layer(
            "ContinuationIndicator",
            "",
            "y",
            "continuation_indicator_param { time_step: 7 batch_size: 2 }",
        ),
        (7, 2),
    ),
    "transpose": (
        net(
            "2 3 4 5",
            layer("Transpose", "x", "y", "transpose_param { dim: 3 dim: 0 dim: 1 dim: 2 }"),
        ),
        (5, 2, 3, 4),
    ),
    "reverse": (net("2 3 4", layer("Reverse", "x", "y", "reverse_param { axis: 2 }")), (2, 3, 4)),
    **{
        f"dilated by {words}": (
            net(
                "2 3 15 17",
                layer(
                    "Convolution",
                    "x",
                    "y",
                    f"convolution_param {{ num_output: 4 kernel_size: 3 {words} }}",
                ),
            ),
            shape,
        )
        for words, shape in {
            "hole: 1": (2, 4, 13, 15),
            "hole: 2": (2, 4, 11, 13),
            "hole_h: 3": (2, 4, 9, 15),
            "hole_w: 3 hole_h: 2": (2, 4, 11, 11),
            "dilation_h: 3 dilation_w: 2": (2, 4, 9, 13),
        }.items()
    },
    "deconvolution with holes": (
        net(
            "2 3 5 6",
            layer(
                "Deconvolution",
                "x",
                "y",
                "convolution_param { num_output: 4 kernel_size: 3 hole: 2 }",
            ),
        ),
        (2, 4, 9, 10),
    ),
    "columns with holes": (
        net("2 3 9 8", layer("Im2col", "x", "y", "convolution_param { kernel_size: 3 hole: 2 }")),
        (2, 27, 5, 4),
    ),
    "relu6": (net("2 3 4 5", layer("ReLU6", "x", "y")), (2, 3, 4, 5)),
    "depthwise": (
        net(
            "2 6 4 5",
            layer(
                "ConvolutionDepthwise",
                "x",
                "y",
                "convolution_param { num_output: 6 kernel_size: 3 pad: 1 stride: 2 }",
            ),
        ),
        (2, 6, 2, 3),
    ),
    "channel norm": (net("2 3 4 5", layer("ChannelNorm", "x", "y")), (2, 1, 4, 5)),
    "smooth L1": (net("2 3; 2 3", layer("SmoothL1Loss", "x x1", "y")), ()),
    "flow warp": (net("2 3 4 5; 2 2 4 5", layer("FlowWarp", "x x1", "y")), (2, 3, 4, 5)),
}

REFUSED: Dict[str, str] = {
    "channels of psroi": net(
        "1 17 9 12; 7 5",
        layer(
            "PSROIPooling",
            "x x1",
            "y",
            "psroi_pooling_param { spatial_scale: 0.1 output_dim: 2 group_size: 3 }",
        ),
    ),
    "regions of no size": net(REGIONS, layer("ROIPooling", "x x1", "y")),
    "uneven shuffle": net(
        "2 5 4 5", layer("ShuffleChannel", "x", "y", "shuffle_channel_param { group: 3 }")
    ),
    "uneven reorg": net("2 4 5 6", layer("Reorg", "x", "y", "reorg_param { stride: 2 }")),
    "interp to nothing": net("2 4 5 6", layer("Interp", "x", "y")),
    "priors of no size": net(PRIORS, layer("PriorBox", "x x1", "y")),
    "unequal axpy": net("2 3; 2 3 4 5; 2 3 4 4", layer("Axpy", "x x1 x2", "y")),
}
