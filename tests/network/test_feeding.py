"""Inputs whose shapes are given beside the prototxt, by layers of any kind."""

from __future__ import annotations

from typing import Dict, Tuple

import numpy as np
import pytest
from small_models import make_model

from netsurgery.calibration import random_inputs
from netsurgery.calibration.session_pool import open_model
from netsurgery.engine import engine as engine_named
from netsurgery.errors import NetworkError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.channels import channel_groups
from netsurgery.network.cost import total_cost
from netsurgery.network.doctor.fit import require_inputs
from netsurgery.network.graph import Network
from netsurgery.network.inplace import take_apart
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes

SHAPE = (2, 3, 6, 5)
BODY = """
layer { name: "c" type: "Convolution" bottom: "x" top: "c"
        convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "e" type: "InnerProduct" bottom: "c" top: "e"
        inner_product_param { num_output: 3 } }
"""
BODY_V1 = """
layers { name: "c" type: CONVOLUTION bottom: "x" top: "c"
         convolution_param { num_output: 4 kernel_size: 3 } }
layers { name: "r" type: RELU bottom: "c" top: "c" }
layers { name: "e" type: INNER_PRODUCT bottom: "c" top: "e"
         inner_product_param { num_output: 3 } }
"""
DENSE = 'name: "d" type: "DenseImageData" dense_image_data_param { source: "a.txt" } }'
SOURCES: Dict[str, str] = {
    "fork": 'layer { top: "x" top: "label" ' + DENSE + BODY,
    "fork, label first": 'layer { top: "label" top: "x" ' + DENSE + BODY,
    "lmdb": 'layer { name: "x" type: "Data" top: "x" top: "label" data_param { source: "none" } }'
    + BODY,
    "input layer": 'layer { name: "d" type: "Input" top: "x" }' + BODY,
    "other shape": 'layer { name: "d" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 '
    "dim: 9 dim: 9 } } }" + BODY,
    "net input": 'input: "x"' + BODY,
    "net input of other dims": 'input: "x" input_dim: 1 input_dim: 3 input_dim: 9 input_dim: 9'
    + BODY,
    "V1 data": 'layers { name: "d" type: HDF5_DATA top: "x" top: "label" '
    'hdf5_data_param { source: "none" batch_size: 2 } }' + BODY_V1,
    "V1 input": 'input: "x" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 }' + BODY_V1,
    "in another phase": 'layer { name: "t" type: "Data" top: "x" include { phase: TRAIN } }'
    'layer { include { phase: TEST } top: "x" top: "label" ' + DENSE + BODY,
}


def model_of(text: str, inputs: Dict[str, Tuple[int, ...]]) -> Model:
    random = np.random.default_rng(0)
    made = make_model(
        text,
        {
            "c": [random.normal(size=(4, 3, 3, 3)), random.normal(size=4)],
            "e": [random.normal(size=(3, 48)), random.normal(size=3)],
        },
    )
    return Model(made.prototxt, made.weights, inputs)


@pytest.mark.parametrize("source", SOURCES)
def test_all_that_depends_on_shapes_knows_the_given_one(source: str) -> None:
    model = model_of(SOURCES[source], {"x": SHAPE})
    network = model.network()
    assert [value.blob for value in network.inputs] == ["x"]
    assert [value.blob for value in network.outputs] == ["e"]
    shapes = infer_shapes(network)
    assert {str(value): shape for value, shape in shapes.items()} == {
        "x": SHAPE,
        "c": (2, 4, 4, 3),
        "c@1": (2, 4, 4, 3),
        "e": (2, 3),
    }
    assert total_cost(model).macs == 2 * (4 * 12 * 27 + 3 * 48)
    assert [group.name for group in channel_groups(model) if not group.blocked] == ["c"]
    assert random_inputs(network, 2).arrays["x"].shape[1:] == SHAPE[1:]
    require_inputs(model)


@pytest.mark.parametrize("source", SOURCES)
def test_engines_run_what_reads_no_files(source: str, engine: str) -> None:
    plain = model_of('input: "x" input_shape { dim: 2 dim: 3 dim: 6 dim: 5 }' + BODY, {})
    inputs = random_inputs(plain.network(), 4)
    batch = next(inputs.batches(2))
    found = []
    for model in (plain, model_of(SOURCES[source], {"x": SHAPE})):
        values = {str(value): value for value in model.network().values}
        with open_model(engine_named(engine), model) as runner:
            found.append(runner.run(batch, values))
    assert found[0].keys() == found[1].keys()
    for name, array in found[0].items():
        assert np.array_equal(array, found[1][name]), name


def test_what_is_read_of_a_data_layer_has_to_be_given_too() -> None:
    text = SOURCES["fork"] + (
        'layer { name: "l" type: "SoftmaxWithLoss" bottom: "e" bottom: "label" top: "l" }'
    )
    model = model_of(text, {"x": SHAPE})
    with pytest.raises(NetworkError, match=r"input 'label' declares no shape"):
        random_inputs(model.network())
    both = Model(model.prototxt, model.weights, {"x": SHAPE, "label": (2,)})
    assert [value.blob for value in both.network().inputs] == ["x", "label"]


def test_the_text_is_not_touched() -> None:
    text = '# a\ninput: "x" # b\ninput_dim: 1 input_dim: 3\ninput_dim: 9 input_dim: 9\n# c' + BODY
    network = Network.of(Prototxt.parse(text.encode()), inputs={"x": SHAPE})
    assert bytes(network.prototxt) == text.encode()
    apart = take_apart(network).prototxt
    assert apart.inputs == (("x", SHAPE),)
    assert b"# b" in bytes(apart)
    assert b"input_dim" not in bytes(apart)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"y": SHAPE}, r"'y' is not an input of the network; its inputs are label, x"),
        ({"c": SHAPE}, r"'c' is not an input of the network"),
        ({"x": (2, 4, 6, 5)}, r"'c': does not fit an input of x=2,4,6,5: blob 0 .* is 4x4x3x3"),
        ({"x": (2, 3, 7, 5)}, r"'e': does not fit an input of x=2,3,7,5: blob 0 .* is 3x60"),
        ({"x": (2, 3, 2, 5)}, r"'c': does not fit an input of x=2,3,2,5: "),
        ({"x": (2, 3)}, r"'c': does not fit an input of x=2,3: "),
    ],
)
def test_names_and_shapes_that_do_not_fit_are_told(
    inputs: Dict[str, Tuple[int, ...]], said: str
) -> None:
    with pytest.raises(NetworkError, match=said):
        require_inputs(model_of(SOURCES["fork"], inputs))
