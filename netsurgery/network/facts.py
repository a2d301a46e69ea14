"""What is known of layer types besides their shapes: their blobs, who has them, what they share."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Tuple

from netsurgery.layers import Layer


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


_BIAS = BlobFacts("bias", 0)
_CHANNELS = BlobFacts("weights", 0)
_CONVOLUTION = (BlobFacts("weights", 0, 1), _BIAS)
_DECONVOLUTION = (BlobFacts("weights", 1, 0), _BIAS)
_LSTM = (BlobFacts("input weights", 0, 1), _BIAS, BlobFacts("hidden weights", 0))

BLOBS: Dict[str, Tuple[BlobFacts, ...]] = {
    "BatchNorm": (
        BlobFacts("mean", 0),
        BlobFacts("variance", 0),
        BlobFacts("scale factor"),
        BlobFacts("scale", 0),
        _BIAS,
    ),
    "Bias": (_BIAS,),
    "Convolution": _CONVOLUTION,
    "ConvolutionRistretto": _CONVOLUTION,
    "Deconvolution": _DECONVOLUTION,
    "DeconvolutionRistretto": _DECONVOLUTION,
    "Embed": (BlobFacts("weights", 1, 0), _BIAS),
    "FcRistretto": _CONVOLUTION,
    "InnerProduct": _CONVOLUTION,
    "LSTM": _LSTM,
    "Normalize": (_CHANNELS,),
    "PReLU": (_CHANNELS,),
    "Scale": (_CHANNELS, _BIAS),
}


def blob_facts(layer: Layer) -> Tuple[BlobFacts, ...]:
    """What the blobs of a layer are, in order; () where that is not known."""
    facts = BLOBS.get(layer.kind, ())
    if layer.type == "Scale" and len(layer.bottoms) > 1:
        return facts[1:]
    if facts is _CONVOLUTION and layer.parameter.inner_product_param.transpose:
        return (BlobFacts("weights", 1, 0), _BIAS)
    return facts


def blob_name(layer: Layer, index: int) -> str:
    """How to call a blob of a layer: ``blob 1 (bias)``."""
    facts = blob_facts(layer)
    return f"blob {index} ({facts[index].name})" if index < len(facts) else f"blob {index}"


def shares_memory(layer: Layer) -> bool:
    """Whether the tops of a layer are the memory of its bottom under other shapes."""
    single = {"Concat": layer.bottoms, "Slice": layer.tops}
    return layer.kind in ("Flatten", "Reshape", "Split") or len(single.get(layer.kind, ())) == 1


def spoils_its_bottom(layer: Layer) -> bool:
    """Whether a layer that computes in place reads what it has overwritten already."""
    parameter = layer.parameter
    if layer.kind == "Eltwise":
        return parameter.eltwise_param.operation == parameter.eltwise_param.SUM
    if layer.kind == "LRN":
        return parameter.lrn_param.norm_region == parameter.lrn_param.ACROSS_CHANNELS
    return layer.kind in ("Convolution", "Deconvolution", "InnerProduct", "Permute", "Pooling")


def is_foreign(layer: Layer) -> bool:
    """Whether stock Caffe has no layer of this type."""
    return layer.type not in STOCK_TYPES


# Registered in BVLC Caffe, February 2020.
_STOCK = """
    AbsVal Accuracy ArgMax BNLL BatchNorm BatchReindex Bias Clip Concat ContrastiveLoss
    Convolution Crop Data Deconvolution Dropout DummyData ELU Eltwise Embed EuclideanLoss Exp
    Filter Flatten HDF5Data HDF5Output HingeLoss Im2col ImageData InfogainLoss InnerProduct
    Input LRN LSTM LSTMUnit Log MVN MemoryData MultinomialLogisticLoss PReLU Parameter Pooling
    Power Python RNN ReLU Reduction Reshape SPP Scale Sigmoid SigmoidCrossEntropyLoss Silence
    Slice Softmax SoftmaxWithLoss Split Swish TanH Threshold Tile WindowData
"""
STOCK_TYPES = frozenset(_STOCK.split())
# Not yet in the release 1.0 of April 2017.
LATE_TYPES = frozenset({"Clip", "Swish"})

_FORKS = {
    "SSD": "AnnotatedData DetectionEvaluate DetectionOutput MultiBoxLoss Normalize Permute "
    "PriorBox VideoData",
    "Fast R-CNN": "ROIPooling SmoothL1Loss",
    "R-FCN": "BoxAnnotatorOHEM PSROIPooling",
    "PVANET": "Proposal",
    "SegNet": "BN DenseImageData Upsample",
    "PSPNet": "Interp",
    "SENet": "Axpy",
    "ShuffleNet": "ShuffleChannel",
    "MobileNet": "ConvolutionDepthwise DepthwiseConvolution ReLU6",
    "YOLO": "Region RegionLoss Reorg YoloDetectionOutput Yolov3 Yolov3DetectionOutput",
    "CRNN": "ContinuationIndicator Reverse Transpose",
    "Ristretto": "ConvolutionRistretto DeconvolutionRistretto FcRistretto LRNRistretto",
    "Dynamic Network Surgery": "CConvolution CInnerProduct",
    "FlowNet": "ChannelNorm Correlation Correlation1D FlowWarp Resample",
}
FORK_OF: Dict[str, str] = {
    layer_type: fork for fork, types in _FORKS.items() for layer_type in types.split()
}
