"""Nets for the layers that random wiring seldom gets right: a few lines each."""

from __future__ import annotations

from typing import Dict


def _input(name: str, *dims: int) -> str:
    shape = " ".join(f"dim: {dim}" for dim in dims)
    return (
        f'layer {{ name: "{name}" type: "Input" top: "{name}" '
        f"input_param {{ shape {{ {shape} }} }} }}\n"
    )


def layer(layer_type: str, bottoms: str, tops: str, body: str = "") -> str:
    """The text of one layer; names of blobs are separated by spaces."""
    wires = [f'bottom: "{name}"' for name in bottoms.split()]
    wires += [f'top: "{name}"' for name in tops.split()]
    return f'layer {{ name: "it" type: "{layer_type}" {" ".join(wires)} {body} }}\n'


SEQUENCE = _input("x", 5, 2, 3, 4) + _input("marks", 5, 2)
STATE = _input("h0", 1, 2, 6) + _input("c0", 1, 2, 6)
RECURRENT = "recurrent_param { num_output: 6 %s }"
SCORES = _input("scores", 4, 5, 2, 3)
LABELS = _input("labels", 4, 1, 2, 3)
CLASSES = _input("scores", 4, 5) + _input("labels", 4)

ACCEPTED: Dict[str, str] = {
    "lstm": SEQUENCE + layer("LSTM", "x marks", "y", RECURRENT % ""),
    "lstm static": SEQUENCE + _input("s", 2, 7) + layer("LSTM", "x marks s", "y", RECURRENT % ""),
    "lstm exposed": SEQUENCE
    + STATE
    + layer("LSTM", "x marks h0 c0", "y h c", RECURRENT % "expose_hidden: true"),
    "lstm exposed static": SEQUENCE
    + STATE
    + _input("s", 2, 7, 2)
    + layer("LSTM", "x marks s h0 c0", "y h c", RECURRENT % "expose_hidden: true"),
    "rnn": SEQUENCE + layer("RNN", "x marks", "y", RECURRENT % ""),
    "rnn static": SEQUENCE + _input("s", 2, 7) + layer("RNN", "x marks s", "y", RECURRENT % ""),
    "rnn exposed": SEQUENCE
    + _input("h0", 1, 2, 6)
    + layer("RNN", "x marks h0", "y h", RECURRENT % "expose_hidden: true"),
    "lstm unit": _input("c0", 1, 2, 6)
    + _input("gates", 1, 2, 24)
    + _input("marks", 1, 2)
    + layer("LSTMUnit", "c0 gates marks", "c h"),
    "accuracy": CLASSES + layer("Accuracy", "scores labels", "a", "accuracy_param { top_k: 3 }"),
    "accuracy by class": SCORES + LABELS + layer("Accuracy", "scores labels", "a each"),
    "softmax loss, axis": SCORES
    + _input("labels", 4, 5, 3)
    + layer("SoftmaxWithLoss", "scores labels", "loss", "softmax_param { axis: 2 }"),
    "loss without a top": CLASSES + layer("SoftmaxWithLoss", "scores labels", ""),
    "infogain": CLASSES + _input("h", 1, 1, 5, 5) + layer("InfogainLoss", "scores labels h", "l"),
    "multinomial": CLASSES + layer("MultinomialLogisticLoss", "scores labels", "l"),
    "sigmoid loss": SCORES
    + _input("targets", 4, 30)
    + layer("SigmoidCrossEntropyLoss", "scores targets", "l"),
    "contrastive": _input("a", 4, 5)
    + _input("b", 4, 5)
    + _input("same", 4)
    + layer("ContrastiveLoss", "a b same", "l"),
    "filter": SCORES + _input("keep", 4) + layer("Filter", "scores keep", "kept"),
    "filter two": SCORES
    + LABELS
    + _input("keep", 4, 1)
    + layer("Filter", "scores labels keep", "s l"),
    "reindex": SCORES + _input("order", 7) + layer("BatchReindex", "scores order", "y"),
    "parameter": layer("Parameter", "", "w", "parameter_param { shape { dim: 2 dim: 3 } }"),
    "dummy": layer("DummyData", "", "a b", "dummy_data_param { shape { dim: 2 dim: 3 } }"),
    "dummy, two": layer(
        "DummyData", "", "a b", "dummy_data_param { shape { dim: 2 } shape { dim: 3 dim: 1 } }"
    ),
    "dummy, legacy": layer(
        "DummyData",
        "",
        "a b",
        "dummy_data_param { num: 2 num: 3 channels: 3 height: 4 height: 6 width: 5 }",
    ),
    "memory": layer(
        "MemoryData",
        "",
        "data label",
        "memory_data_param { batch_size: 2 channels: 3 height: 4 width: 5 }",
    ),
    "input, three": layer(
        "Input", "", "a b c", "input_param { shape { dim: 2 dim: 3 dim: 1 dim: 1 } }"
    ),
    "input, each": layer("Input", "", "a b", "input_param { shape { dim: 2 } shape { dim: 3 } }"),
    "legacy input": 'input: "a" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4\n'
    'input: "b" input_dim: 5 input_dim: 6 input_dim: 7 input_dim: 8\n' + layer("ReLU", "a", "a"),
    "legacy shape": 'input: "a" input_shape { dim: 1 dim: 2 }\n' + layer("ReLU", "a", "y"),
    "crop, offsets": SCORES
    + _input("like", 1, 1, 1, 2)
    + layer("Crop", "scores like", "y", "crop_param { offset: 1 offset: 1 }"),
    "crop to a longer shape": SCORES
    + _input("like", 1, 1, 1, 2, 9)
    + layer("Crop", "scores like", "y"),
    "silence": SCORES + layer("Silence", "scores", ""),
    "split": SCORES + layer("Split", "scores", "a b c"),
    "flatten nothing": SCORES + layer("Flatten", "scores", "y", "flatten_param { end_axis: 0 }"),
    "scale by a scalar": SCORES + layer("Scale", "scores", "y", "scale_param { num_axes: 0 }"),
    "convolution in 3-D": _input("x", 2, 4, 6, 7, 8)
    + layer(
        "Convolution",
        "x",
        "y",
        "convolution_param { num_output: 6 group: 2 kernel_size: 2 stride: 2 pad: 1 dilation: 2 }",
    ),
    "kernel wider than its input": _input("x", 1, 1, 5, 5)
    + layer(
        "Convolution", "x", "y", "convolution_param { num_output: 1 kernel_size: 6 stride: 2 }"
    ),
    "two convolutions at once": _input("a", 1, 2, 5, 5)
    + _input("b", 1, 2, 5, 5)
    + layer("Convolution", "a b", "c d", "convolution_param { num_output: 3 kernel_size: 3 }"),
    "pooling that is clipped": _input("x", 1, 2, 7, 7)
    + layer("Pooling", "x", "y", "pooling_param { kernel_size: 2 stride: 2 pad: 1 }"),
    "reverse": SEQUENCE + layer("Reverse", "x", "y"),
}

REFUSED: Dict[str, str] = {
    "channels and group": _input("x", 1, 5, 4, 4)
    + layer("Convolution", "x", "y", "convolution_param { num_output: 4 kernel_size: 1 group: 2 }"),
    "num_output and group": _input("x", 1, 4, 4, 4)
    + layer("Convolution", "x", "y", "convolution_param { num_output: 5 kernel_size: 1 group: 2 }"),
    "no num_output": _input("x", 1, 4) + layer("InnerProduct", "x", "y"),
    "no kernel_size": _input("x", 1, 4, 4, 4)
    + layer("Convolution", "x", "y", "convolution_param { num_output: 5 }"),
    "kernel too big": _input("x", 1, 1, 4, 4)
    + layer("Convolution", "x", "y", "convolution_param { num_output: 1 kernel_size: 7 }"),
    "nothing comes out": _input("x", 1, 1, 4, 4)
    + layer("Convolution", "x", "y", "convolution_param { num_output: 1 kernel_size: 5 }"),
    "pooling without a size": _input("x", 1, 1, 4, 4) + layer("Pooling", "x", "y"),
    "a global kernel": _input("x", 1, 1, 4, 4)
    + layer("Pooling", "x", "y", "pooling_param { kernel_size: 2 global_pooling: true }"),
    "pad as big as the kernel": _input("x", 1, 1, 4, 4)
    + layer("Pooling", "x", "y", "pooling_param { kernel_size: 2 pad: 2 }"),
    "mask of an average": _input("x", 1, 1, 4, 4)
    + layer("Pooling", "x", "y mask", "pooling_param { kernel_size: 2 pool: AVE }"),
    "unequal eltwise": _input("a", 2, 3) + _input("b", 2, 4) + layer("Eltwise", "a b", "y"),
    "unequal concat": _input("a", 2, 3, 4) + _input("b", 2, 3, 5) + layer("Concat", "a b", "y"),
    "even lrn": _input("x", 1, 1, 4, 4) + layer("LRN", "x", "y", "lrn_param { local_size: 4 }"),
    "axis out of range": _input("x", 2, 3)
    + layer("Softmax", "x", "y", "softmax_param { axis: 2 }"),
    "one bottom too few": _input("x", 2, 3) + layer("Eltwise", "x", "y"),
    "a top too many": _input("x", 2, 3) + layer("ReLU", "x", "y z"),
    "reshape to another count": _input("x", 2, 3)
    + layer("Reshape", "x", "y", "reshape_param { shape { dim: 4 dim: 2 } }"),
    "two sizes open": _input("x", 2, 3)
    + layer("Reshape", "x", "y", "reshape_param { shape { dim: -1 dim: -1 } }"),
    "uneven slices": _input("x", 2, 3) + layer("Slice", "x", "a b"),
    "repeated order": _input("x", 2, 3)
    + layer("Permute", "x", "y", "permute_param { order: 1 order: 1 }"),
    "two losses with one weight": SCORES
    + LABELS
    + layer("SoftmaxWithLoss", "scores labels", "loss p"),
    "two weights for one top": SCORES
    + layer("ReLU", "scores", "y", "loss_weight: 1 loss_weight: 0"),
    "flatten in place": _input("x", 2, 3) + layer("Flatten", "x", "x"),
    "coeff of a product": _input("x", 2, 3)
    + layer("Eltwise", "x x", "y", "eltwise_param { operation: PROD coeff: 1 coeff: 2 }"),
    "sizes given twice": _input("x", 1, 1, 4, 4)
    + layer(
        "Convolution",
        "x",
        "y",
        "convolution_param { num_output: 1 kernel_size: 1 kernel_h: 1 kernel_w: 1 }",
    ),
}
