"""OpenCV against real Caffe: on models of the zoo, and layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List

import numpy as np
import pytest
from zoo_pairs import Pair, distance, noise

from netsurgery.engine.caffe import Caffe
from netsurgery.engine.opencv import OpenCv
from netsurgery.errors import EngineError, NetworkError
from netsurgery.formats.weights import Blob, LayerWeights, Weights
from netsurgery.layers import layer_types
from netsurgery.network.doctor.examination import examine
from netsurgery.network.model import load

RUNS = {name for kind in layer_types().values() for name in kind.opencv_names}
"""What OpenCV is said to run."""

# Every type and variant in one net, which must be small: Caffe runs it as a whole.
LAYERS = """
    layer { name: "data" type: "Input" top: "data"
            input_param { shape { dim: 2 dim: 4 dim: 8 dim: 8 } } }
    layer { name: "rows" type: "Input" top: "rows" input_param { shape { dim: 2 dim: 4 } } }
    layer { name: "abs" type: "AbsVal" bottom: "data" top: "abs" }
    layer { name: "bnll" type: "BNLL" bottom: "data" top: "bnll" }
    layer { name: "bn" type: "BatchNorm" bottom: "data" top: "bn" batch_norm_param { eps: 0.1 } }
    layer { name: "concat" type: "Concat" bottom: "data" bottom: "abs" top: "concat" }
    layer { name: "concat_2" type: "Concat" bottom: "data" bottom: "abs" top: "concat_2"
            concat_param { axis: 2 } }
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param {
            num_output: 6 kernel_size: 3 pad: 1 group: 2 weight_filler { type: "gaussian" std: 1 }
            bias_filler { type: "gaussian" std: 1 } } }
    layer { name: "conv_hw" type: "Convolution" bottom: "data" top: "conv_hw" convolution_param {
            num_output: 6 kernel_h: 3 kernel_w: 1 stride_h: 2 stride_w: 1 pad_h: 0 pad_w: 1
            dilation: 2 weight_filler { type: "gaussian" std: 1 } bias_term: false } }
    layer { name: "max_pool" type: "Pooling" bottom: "data" top: "max_pool" top: "max_pool_mask"
            pooling_param { pool: MAX kernel_size: 3 stride: 2 } }
    layer { name: "ave_pool" type: "Pooling" bottom: "data" top: "ave_pool"
            pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 } }
    layer { name: "global_pool" type: "Pooling" bottom: "data" top: "global_pool"
            pooling_param { pool: AVE global_pooling: true } }
    layer { name: "crop" type: "Crop" bottom: "data" bottom: "max_pool" top: "crop"
            crop_param { axis: 2 offset: 1 offset: 2 } }
    layer { name: "deconv" type: "Deconvolution" bottom: "max_pool" top: "deconv"
            convolution_param { num_output: 6 kernel_size: 4 stride: 2 pad: 1 group: 2
            weight_filler { type: "gaussian" std: 1 } bias_filler { type: "gaussian" std: 1 } } }
    layer { name: "dropout" type: "Dropout" bottom: "data" top: "dropout" }
    layer { name: "elu" type: "ELU" bottom: "data" top: "elu" elu_param { alpha: 0.5 } }
    layer { name: "sum" type: "Eltwise" bottom: "data" bottom: "abs" top: "sum"
            eltwise_param { coeff: 1 coeff: -2 } }
    layer { name: "prod" type: "Eltwise" bottom: "data" bottom: "abs" top: "prod"
            eltwise_param { operation: PROD } }
    layer { name: "max" type: "Eltwise" bottom: "data" bottom: "bnll" top: "max"
            eltwise_param { operation: MAX } }
    layer { name: "exp" type: "Exp" bottom: "data" top: "exp"
            exp_param { base: 2 scale: 0.5 shift: 1 } }
    layer { name: "flatten" type: "Flatten" bottom: "data" top: "flatten"
            flatten_param { axis: 0 end_axis: 1 } }
    layer { name: "vector" type: "Flatten" bottom: "data" top: "vector" flatten_param { axis: 0 } }
    layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param {
            num_output: 7 weight_filler { type: "gaussian" std: 1 }
            bias_filler { type: "gaussian" std: 1 } } }
    layer { name: "ip_axis" type: "InnerProduct" bottom: "data" top: "ip_axis"
            inner_product_param { num_output: 7 axis: -1 bias_term: false
            weight_filler { type: "gaussian" std: 1 } } }
    layer { name: "lrn" type: "LRN" bottom: "data" top: "lrn"
            lrn_param { local_size: 3 alpha: 0.5 beta: 0.6 } }
    layer { name: "lrn_within" type: "LRN" bottom: "data" top: "lrn_within" lrn_param {
            norm_region: WITHIN_CHANNEL local_size: 3 alpha: 0.5 k: 2 } }
    layer { name: "log" type: "Log" bottom: "bnll" top: "log" }
    layer { name: "mvn" type: "MVN" bottom: "data" top: "mvn" }
    layer { name: "mvn_mean" type: "MVN" bottom: "data" top: "mvn_mean"
            mvn_param { across_channels: true normalize_variance: false } }
    layer { name: "prelu" type: "PReLU" bottom: "data" top: "prelu"
            prelu_param { filler { type: "uniform" min: 0.1 max: 0.9 } } }
    layer { name: "permute" type: "Permute" bottom: "data" top: "permute"
            permute_param { order: 0 order: 2 order: 3 order: 1 } }
    layer { name: "power" type: "Power" bottom: "abs" top: "power"
            power_param { power: 1.5 scale: 2 shift: 1 } }
    layer { name: "relu" type: "ReLU" bottom: "data" top: "relu"
            relu_param { negative_slope: 0.1 } }
    layer { name: "reshape" type: "Reshape" bottom: "data" top: "reshape"
            reshape_param { axis: 1 num_axes: 2 shape { dim: 2 dim: -1 } } }
    layer { name: "scale" type: "Scale" bottom: "data" top: "scale" scale_param {
            bias_term: true filler { type: "gaussian" std: 1 }
            bias_filler { type: "gaussian" std: 1 } } }
    layer { name: "scale_by" type: "Scale" bottom: "data" bottom: "rows" top: "scale_by"
            scale_param { axis: 0 } }
    layer { name: "sigmoid" type: "Sigmoid" bottom: "data" top: "sigmoid" }
    layer { name: "slice" type: "Slice" bottom: "data" top: "slice_0" top: "slice_1" top: "slice_2"
            slice_param { axis: 2 slice_point: 1 slice_point: 4 } }
    layer { name: "halves" type: "Slice" bottom: "data" top: "half_0" top: "half_1" }
    layer { name: "half_0" type: "Power" bottom: "half_0" top: "half_0" power_param { shift: 1 } }
    layer { name: "silence" type: "Silence" bottom: "slice_1" }
    layer { name: "softmax" type: "Softmax" bottom: "data" top: "softmax"
            softmax_param { axis: 2 } }
    layer { name: "split" type: "Split" bottom: "data" top: "split_0" top: "split_1" }
    layer { name: "swish" type: "Swish" bottom: "data" top: "swish" }
    layer { name: "tanh" type: "TanH" bottom: "data" top: "tanh" }
"""
# The longest sum above: InnerProduct over 4 x 8 x 8 values.
LONGEST_SUM = 256


def random_inputs(shapes: Dict[str, tuple], batch: int) -> Dict[str, np.ndarray]:
    """Seeded inputs of these shapes but for the batch."""
    random = np.random.default_rng(0)
    return {
        name: random.standard_normal((batch, *shape[1:]), np.float32)
        for name, shape in shapes.items()
    }


def test_the_engines_agree_on_every_blob_of_a_real_model(
    caffe: Caffe, opencv: OpenCv, pair: Pair
) -> None:
    files = pair.prototxt, pair.weights
    with opencv.open(*files) as one, caffe.open(*files) as other:
        assert one.inputs == other.inputs
        assert one.outputs == other.outputs
        assert {name: other.blobs[name] for name in one.blobs} == one.blobs
        for batch in (1, 3):
            inputs = random_inputs(one.inputs, batch)
            blobs = list(one.blobs)
            far = distance(one.forward(inputs, blobs), other.forward(inputs, blobs))
            assert max(far.values()) < noise(pair.summands), far


@pytest.fixture(scope="module")
def all_layers(caffe: Caffe, tmp_path_factory: pytest.TempPathFactory) -> List[Path]:
    """The net of LAYERS and weights for it, with statistics for its BatchNorm."""
    folder = tmp_path_factory.mktemp("layers")
    prototxt, weights = folder / "net.prototxt", folder / "net.caffemodel"
    prototxt.write_text(LAYERS)
    random = np.random.default_rng(1)
    with caffe.open(prototxt) as session:
        calibrator = [random.random(4) + 0.5, random.random(4) + 0.5, [2.0]]
        session.set_parameters({"bn": [np.asarray(array) for array in calibrator]})
        session.save(weights)
    return [prototxt, weights]


def test_the_engines_agree_on_every_type_of_layer(
    caffe: Caffe, opencv: OpenCv, all_layers: List[Path]
) -> None:
    with opencv.open(*all_layers) as one, caffe.open(*all_layers) as other:
        assert one.outputs == other.outputs
        inputs, blobs = random_inputs(one.inputs, 3), list(one.blobs)
        far = distance(one.forward(inputs, blobs), other.forward(inputs, blobs))
        assert set(far) == {name for name in other.blobs if "_split_" not in name}
    assert {name: d for name, d in far.items() if not d < noise(LONGEST_SUM)} == {}


def test_a_blob_does_not_depend_on_what_else_is_asked_for(
    opencv: OpenCv, all_layers: List[Path]
) -> None:
    random = np.random.default_rng(2)
    with opencv.open(*all_layers) as session:
        inputs = random_inputs(session.inputs, 3)
        everything = session.forward(inputs, list(session.blobs))
        for _ in range(30):
            some = list(random.choice(list(session.blobs), random.integers(1, 6), replace=False))
            for name, array in session.forward(inputs, some).items():
                assert np.array_equal(array, everything[name]), (name, some)


def image_net(layer: str) -> str:
    head = 'input: "data" input_shape { dim: 1 dim: 1 dim: 6 dim: 6 }'
    return f'{head}\nlayer {{ name: "odd" bottom: "data" top: "top" type: {layer} }}'


def test_every_type_of_caffe_that_opencv_runs_is_tested(caffe: Caffe) -> None:
    unknown_to_caffe = set(caffe.unsupported(sorted(RUNS)))
    tested = {word.split('"')[1] for word in LAYERS.split("type: ")[1:]} - {"gaussian", "uniform"}
    assert RUNS - tested == unknown_to_caffe


@pytest.mark.parametrize(
    "layer",
    [
        'type: "InnerProduct" inner_product_param { num_output: 3 transpose: true }',
        'type: "LRN" lrn_param { alpha: 1 k: 2 }',
        'type: "LRN"',
        'type: "LRN" lrn_param { norm_region: WITHIN_CHANNEL }',
        'type: "Deconvolution" convolution_param { num_output: 2 kernel_size: 3 dilation: 2 }',
        'type: "Log" log_param { base: 10 }',
        'type: "MVN" mvn_param { eps: 0.5 }',
        'type: "Slice" slice_param { slice_dim: 2 }',
        'type: "Pooling" pooling_param { kernel_size: 2 round_mode: FLOOR }',
        'type: "Concat" concat_param { concat_dim: 0 }',
        'type: "Swish" swish_param { beta: 2 }',
    ],
)
def test_what_opencv_would_get_wrong_is_refused(
    opencv: OpenCv, write: Callable[[str], Path], layer: str
) -> None:
    path = write(f'input: "data"\nlayer {{ name: "odd" bottom: "data" top: "top" {layer} }}')
    with pytest.raises(EngineError, match=f"{path}:2: layer 'odd': OpenCV does not heed"):
        opencv.open(path)


@pytest.mark.parametrize("windows", ["kernel_size: 1 stride: 2", "kernel_size: 2 stride: 6"])
def test_max_pooling_windows_that_hold_nothing_are_refused(
    opencv: OpenCv, write: Callable[[str], Path], windows: str
) -> None:
    path = write(image_net(f'"Pooling" pooling_param {{ {windows} }}'))
    with pytest.raises(EngineError, match="holds no pixel"):
        opencv.open(path)


def test_pooling_that_caffe_would_not_build_is_refused(
    opencv: OpenCv, write: Callable[[str], Path]
) -> None:
    net = image_net('"Pooling" pooling_param { kernel_size: 2 }').replace("dim: 6 dim: 6", "dim: 6")
    with pytest.raises(NetworkError, match="needs 4 axes"):
        opencv.open(write(net))


@pytest.mark.parametrize(
    "layer",
    [
        '"Convolution" convolution_param { num_output: 2 kernel_size: 3 pad: 1 FORK }',
        '"Pooling" pooling_param { kernel_size: 2 FORK }',
        '"BatchNorm" batch_norm_param { FORK }',
        '"ReLU" relu_param { FORK negative_slope: 0.5 }',
    ],
)
@pytest.mark.parametrize("fork", ["fork: 1", 'fork: "one"', "fork {\n a: 1 }"])
def test_a_field_of_a_fork_leaves_those_beside_it_alone(
    opencv: OpenCv, write: Callable[[str], Path], layer: str, fork: str
) -> None:
    inputs = {"data": np.random.default_rng(0).standard_normal((1, 1, 6, 6), np.float32)}
    made = []
    for text in ("", fork):
        path = write(image_net(layer.replace("FORK", text)))
        weights = path.with_suffix(".caffemodel")
        blobs = {"Convolution": [(2, 1, 3, 3), (2,)], "BatchNorm": [(1,), (1,), (1,)]}
        shapes = blobs.get(layer.split('"')[1], [])
        filled = tuple(Blob.of(np.full(shape, 0.5, np.float32)) for shape in shapes)
        Weights([LayerWeights("odd", layer.split('"')[1], filled)]).write(weights)
        with opencv.open(path, weights) as session:
            made.append(session.forward(inputs)["top"])
    assert np.array_equal(*made)


@pytest.mark.parametrize("size", [7, 8])
def test_windows_without_a_pixel_are_told_of(
    caffe: Caffe, write: Callable[[str], Path], size: int
) -> None:
    path = write(
        f'input: "data" input_shape {{ dim: 1 dim: 1 dim: {size} dim: {size} }}\n'
        'layer { name: "pool" type: "Pooling" bottom: "data" top: "top" '
        "pooling_param { kernel_size: 1 stride: 2 } }"
    )
    with caffe.open(path) as session:
        made = session.forward({"data": np.ones((1, 1, size, size), np.float32)})["top"]
    told = [finding for finding in examine(load(path)) if "hold no value" in finding.problem]
    assert bool(told) == (made.min() < -3e38) == (size == 8)
