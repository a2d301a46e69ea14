from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fork_nets import BY_HAND, OPENCV, REFUSED, net
from special_nets import layer

from netsurgery.errors import NetworkError
from netsurgery.formats.weights import Blob, LayerWeights, Weights
from netsurgery.layers import layer_types
from netsurgery.layers.neuron import NeuronLayer
from netsurgery.network.graph import Value
from netsurgery.network.shapes import infer_shapes, parameter_shapes, trace_shapes

WORKER = Path(__file__).with_name("opencv_worker.py")
ROIS = layer("ROIPooling", "x rois", "pool", "roi_pooling_param { pooled_h: 7 pooled_w: 7 }")
FC = layer("InnerProduct", "pool", "fc", "inner_product_param { num_output: 9 }")


def top_shape(network, **arguments):
    return infer_shapes(network, **arguments)[network.outputs[-1]]


@pytest.mark.parametrize("name", sorted({**OPENCV, **BY_HAND}))
def test_fork_layers_are_shaped(parse, name):
    text, expected = {**OPENCV, **BY_HAND}[name]
    network = parse(text)
    assert infer_shapes(network)[network.last("y")] == expected


def test_opencv_shapes_them_alike(parse, tmp_path):
    pytest.importorskip("cv2")
    cases = {}
    for number, (name, (text, _)) in enumerate(OPENCV.items()):
        files = [tmp_path / f"{number}{end}" for end in (".prototxt", ".npz", ".out.npz")]
        files[0].write_text(text)
        network = parse(text)
        shapes = infer_shapes(network)
        arrays = {v.blob: np.zeros(shapes[v], np.float32) for v in network.inputs}
        np.savez(files[1], **arrays)
        cases[name] = [str(files[0]), "", *map(str, files[1:])]
    lines = "".join(json.dumps(case) + "\n" for case in cases.values())
    subprocess.run([sys.executable, str(WORKER)], input=lines, text=True, check=True)
    found = {name: tuple(np.load(case[-1])["it:0"]) for name, case in cases.items()}
    assert found == {name: shape for name, (_, shape) in OPENCV.items()}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_impossible_fork_layers_are_refused(parse, name):
    with pytest.raises(NetworkError) as refusal:
        infer_shapes(parse(REFUSED[name]))
    assert refusal.value.layer == "it"


@pytest.mark.parametrize(
    "source",
    [
        'input: "rois" input_shape { dim: 1 dim: 5 }\n',
        layer("Python", "x", "rois", 'python_param { module: "m" layer: "L" }'),
        layer("Proposal", "x x x", "rois scores"),
    ],
)
def test_the_number_of_regions_is_up_to_the_caller(parse, source):
    network = parse(net("1 4 9 9") + source + ROIS + FC)
    assert infer_shapes(network)[Value("rois")] == (1, 5)
    shapes = infer_shapes(network, rois=300)
    assert shapes[Value("rois")] == (300, 5)
    assert shapes[Value("fc")] == (300, 9)
    fc = network.layers[-1]
    assert parameter_shapes(fc, [shapes[fc.bottoms[0]]]) == ((9, 4 * 49), (9,))


def test_unknown_layers_make_unknown_values(parse):
    strange = layer("Strange", "x", "a b") + layer("ReLU", "a", "c") + layer("ReLU", "x", "d")
    network = parse(net("2 3") + strange)
    shapes = infer_shapes(network)
    assert [shapes[Value(blob)] for blob in "abcd"] == [None, None, None, (2, 3)]
    assert parameter_shapes(network.layers[0], [(2, 3)]) is None


@pytest.mark.parametrize(
    "strange",
    [
        layer("Concat", "x x1", "y", "concat_param { per_fla_fuse: true }"),
        layer("Filter", "x", "y", "filter_param { keep: 1 }"),
        layer(
            "Convolution",
            "x",
            "y",
            "convolution_param { num_output: 1 kernel_size: 9 tf_pad: SAME }",
        ),
        layer("Eltwise", "x x1", "y", "eltwise_param { operation: DIV }"),
    ],
)
def test_a_field_of_a_fork_excuses_what_stock_caffe_refuses(parse, strange):
    network = parse(net("2 3 4 5; 2 3 9 9") + strange)
    assert infer_shapes(network)[Value("y")] is None


def test_blobs_that_depend_on_the_fork_are_unknown(parse):
    (layer_,) = parse(
        net("2 3") + layer("BatchNorm", "x", "y", "batch_norm_param { use_weight_bias: true }")
    ).layers
    assert parameter_shapes(layer_, [(2, 3)]) is None


def test_inputs_of_the_caller_win(parse):
    network = parse(net("2 3") + layer("ReLU", "x", "y"))
    assert top_shape(network, inputs={"x": (7, 3)}) == (7, 3)
    with pytest.raises(NetworkError, match=r"'y' is not an input.*its inputs are x"):
        infer_shapes(network, inputs={"y": (7, 3)})


DATA = layer(
    "Data",
    "",
    "data label",
    'data_param { source: "s" batch_size: 8 } transform_param { crop_size: 12 %s }',
)
CONVOLUTION = layer(
    "Convolution", "data", "y", "convolution_param { num_output: 4 kernel_size: 3 group: 2 }"
).replace('"it"', '"conv"')


def test_data_is_as_deep_as_the_text_or_the_weights_say(parse):
    for field, channels in (
        ("force_gray: true", 1),
        ("force_color: true", 3),
        ("mean_value: 1 mean_value: 2 mean_value: 3", 3),
    ):
        shapes = infer_shapes(parse(DATA % field))
        assert shapes[Value("data")] == (8, channels, 12, 12)
    network = parse(DATA % "" + CONVOLUTION)
    assert infer_shapes(network)[Value("data")] is None
    assert infer_shapes(network)[Value("label")] == (8,)
    kernel = Blob.of(np.ones((4, 3, 3, 3)))
    weights = Weights.of([LayerWeights("conv", "Convolution", (kernel,))])
    assert infer_shapes(network, weights=weights)[Value("y")] == (8, 4, 10, 10)


def test_images_and_windows_are_what_their_parameters_say(parse):
    image = layer("ImageData", "", "d l", "image_data_param { batch_size: 2 %s }")
    shapes = infer_shapes(parse(image % "new_height: 8 new_width: 9 is_color: false"))
    assert (shapes[Value("d")], shapes[Value("l")]) == ((2, 1, 8, 9), (2,))
    assert infer_shapes(parse(image % ""))[Value("d")] is None
    window = "window_data_param { batch_size: 2 } transform_param { crop_size: 7 }"
    shapes = infer_shapes(parse(layer("WindowData", "", "d l", window)))
    assert shapes[Value("d")] == (2, 3, 7, 7)


def test_tracing_goes_on_behind_a_refused_layer(parse):
    bad = layer("Eltwise", "x x1", "y") + layer("ReLU", "y", "z") + layer("Concat", "x x1", "c")
    shapes, problems = trace_shapes(parse(net("2 3; 2 4") + bad))
    assert shapes[Value("z")] is None
    assert shapes[Value("c")] == (2, 7)
    assert [problem.layer for problem in problems] == ["it"]


def test_depthwise_layers_have_one_kernel_a_channel(parse):
    network = parse(BY_HAND["depthwise"][0])
    assert parameter_shapes(network.layers[0], [(2, 6, 4, 5)]) == ((6, 1, 3, 3), (6,))


NEURONS = sorted(name for name, one in layer_types().items() if isinstance(one, NeuronLayer))
OTHERS = ("DenseCRF", "FlowWarp", "LayerNorm", "SpatialProduct")


@pytest.mark.parametrize("layer_type", [*NEURONS, *OTHERS])
def test_elementwise_layers_keep_the_shape(parse, layer_type):
    bottoms = "x x1" if layer_type in ("FlowWarp", "SpatialProduct") else "x"
    network = parse(net("2 3 4 5; 2 3 4 5") + layer(layer_type, bottoms, "y"))
    assert infer_shapes(network)[Value("y")] == (2, 3, 4, 5)
    assert parameter_shapes(network.layers[0], [(2, 3, 4, 5)]) in ((), None)
