from __future__ import annotations

from pathlib import Path

import pytest

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network import cost as cost_module
from netsurgery.network.cost import cost_of_regions, total_cost
from netsurgery.network.graph import Network
from netsurgery.network.memory import peak_bytes
from netsurgery.network.model import Model, load
from netsurgery.network.shapes import infer_shapes


def vgg16(
    head: str = "", source: str = 'input: "data" input_shape { dim: 1 dim: 3 dim: 224 dim: 224 }'
) -> Model:
    """VGG-16 (Simonyan and Zisserman 2014, configuration D)."""
    text, bottom = [source], "data"
    for block, (depth, layers) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for index in range(1, layers + 1):
            name = f"conv{block}_{index}"
            text.append(
                f'layer {{ name: "{name}" type: "Convolution" bottom: "{bottom}" top: "{name}" '
                f"convolution_param {{ num_output: {depth} pad: 1 kernel_size: 3 }} }}\n"
                f'layer {{ name: "relu{name}" type: "ReLU" bottom: "{name}" top: "{name}" }}'
            )
            bottom = name
        if block < 5 or not head:
            text.append(
                f'layer {{ name: "pool{block}" type: "Pooling" bottom: "{bottom}" '
                f'top: "pool{block}" pooling_param {{ pool: MAX kernel_size: 2 stride: 2 }} }}'
            )
            bottom = f"pool{block}"
    text.append(head)
    bottom = "pool5"
    for name, outputs in (("fc6", 4096), ("fc7", 4096), ("fc8", 1000)):
        text.append(
            f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" '
            f"inner_product_param {{ num_output: {outputs} }} }}"
        )
        bottom = name
    return Model(Prototxt.parse("\n".join(text).encode()))


def test_vgg16_costs_what_is_published() -> None:
    cost = total_cost(vgg16())
    assert cost.params == 138_357_544
    # 15.3 GMACs of convolutions, 0.124 of inner products
    assert cost.macs == 15_470_264_320
    assert cost.unknown == ()


ROIS = """
layer { name: "roi_pool5" type: "ROIPooling" bottom: "conv5_3" bottom: "rois" top: "pool5"
        roi_pooling_param { pooled_w: 7 pooled_h: 7 spatial_scale: 0.0625 } }
"""
TWO_INPUTS = """
input: "data" input_shape { dim: 1 dim: 3 dim: 600 dim: 1000 }
input: "rois" input_shape { dim: 1 dim: 5 }
"""


def test_the_cost_of_a_detector_is_linear_in_its_regions() -> None:
    model = vgg16(ROIS, TWO_INPUTS)
    fixed, each = cost_of_regions(model)
    assert each == 4096 * 25088 + 4096 * 4096 + 4096 * 1000
    for rois in (1, 300, 2000):
        assert total_cost(model, rois=rois).macs == fixed + rois * each
    # Of the peers' arithmetic: inner products are some 16% of the work at 300 regions, and
    # over half of it at 2000.
    assert 300 * each / (fixed + 300 * each) == pytest.approx(0.17, abs=0.02)
    assert 2000 * each / (fixed + 2000 * each) == pytest.approx(0.57, abs=0.02)


def small(layers: str, weights: object = None) -> Model:
    source = 'input: "x" input_shape { dim: 2 dim: 6 dim: 5 dim: 7 }\n'
    return Model(Prototxt.parse((source + layers).encode()), weights)  # type: ignore[arg-type]


def test_macs_are_what_the_definition_counts() -> None:
    convolution = small(
        'layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param '
        "{ num_output: 4 kernel_h: 3 kernel_w: 2 stride: 2 group: 2 } }"
    )
    # 2 samples, 4 outputs, 2 x 3 positions, 3 channels of the group, 3 x 2 taps
    assert total_cost(convolution).macs == 2 * 4 * (2 * 3) * 3 * (3 * 2)
    deconvolution = small(
        'layer { name: "d" type: "Deconvolution" bottom: "x" top: "d" convolution_param '
        "{ num_output: 4 kernel_size: 3 stride: 2 group: 2 } }"
    )
    # every input value meets the 2 outputs of its group, 3 x 3 taps
    assert total_cost(deconvolution).macs == (2 * 6 * 5 * 7) * 2 * 9
    product = small(
        'layer { name: "p" type: "InnerProduct" bottom: "x" top: "p" '
        "inner_product_param { num_output: 4 axis: 2 transpose: true bias_term: false } }"
    )
    assert total_cost(product).macs == (2 * 6) * 4 * (5 * 7)
    assert total_cost(product).params == 4 * 5 * 7


def test_shared_parameters_count_once() -> None:
    layer = (
        'layer {{ name: "{0}" type: "InnerProduct" bottom: "x" top: "{0}" param {{ name: "w" }} '
        "inner_product_param {{ num_output: 4 }} }}\n"
    )
    cost = total_cost(small(layer.format("a") + layer.format("b")))
    assert cost.params == 4 * 210 + 4 + 4
    assert cost.macs == 2 * (2 * 4 * 210)


def test_memory_is_that_of_all_blobs_and_in_place_layers_take_none() -> None:
    text = 'layer {{ name: "r" type: "ReLU" bottom: "x" top: "{}" }}'
    one = 2 * 6 * 5 * 7 * 4
    assert total_cost(small(text.format("x"))).activation_bytes == one
    assert total_cost(small(text.format("y"))).activation_bytes == 2 * one


def test_views_of_a_blob_take_no_memory() -> None:
    one = 2 * 6 * 5 * 7 * 4
    flat = 'layer { name: "f" type: "Flatten" bottom: "x" top: "f" }\n'
    relu = 'layer { name: "r" type: "ReLU" bottom: "f" top: "f" }'
    cost = total_cost(small(flat + relu))
    assert (cost.activation_bytes, cost.peak_bytes) == (one, one)


def test_memory_of_a_chain_in_place_takes_a_look_at_each_layer(monkeypatch) -> None:
    relu = 'layer { name: "r%d" type: "ReLU" bottom: "x" top: "x" }'
    chain = "\n".join(relu % number for number in range(200))
    network = small(chain).network()
    looks = []
    plain = Network.producer
    monkeypatch.setattr(Network, "producer", lambda *args: looks.append(1) or plain(*args))
    assert peak_bytes(network, infer_shapes(network)) == 2 * 6 * 5 * 7 * 4
    assert len(looks) <= 5 * len(network.values)


def test_peak_memory_is_that_of_the_blobs_in_use() -> None:
    one = 2 * 6 * 5 * 7 * 4
    chain = "".join(
        f'layer {{ name: "{top}" type: "TanH" bottom: "{bottom}" top: "{top}" }}\n'
        for bottom, top in zip("xabc", "abcd")
    )
    assert total_cost(small(chain)).peak_bytes == 2 * one
    assert total_cost(small(chain)).activation_bytes == 5 * one
    residual = 'layer { name: "e" type: "Eltwise" bottom: "d" bottom: "a" top: "e" }'
    assert total_cost(small(chain + residual)).peak_bytes == 3 * one
    strange = 'layer { name: "s" type: "Strange" bottom: "d" top: "s" }'
    assert total_cost(small(chain + strange)).peak_bytes is None


def test_vgg16_needs_most_where_its_first_two_layers_meet() -> None:
    # conv1_1 and conv1_2, 64 x 224 x 224 each, as relu works in place.
    assert total_cost(vgg16()).peak_bytes == 2 * 64 * 224 * 224 * 4


def test_what_is_not_known_is_named() -> None:
    cost = total_cost(small('layer { name: "s" type: "Strange" bottom: "x" top: "s" }'))
    assert cost.unknown == ("s",)
    assert cost.macs is None


def test_parameters_of_the_zoo_are_those_of_its_files(zoo: Path) -> None:
    for folder, weights, params in (
        ("mtcnn_det3", "det3", 389_040),
        ("lenet_everpeace", "lenet_iter_10000", 431_080),
        ("resnet20_cifar10", "ResNet_20", 274_847),
        ("squeezenet_v1.0_deepcompression", "squeezenet_v1.0_decoded", 1_248_424),
        ("waifu2x_upconv7_scale2x", "scale2.0x_model.json", 293_155),
    ):
        prototxt = next(path for path in (zoo / folder).glob("deploy*.prototxt"))
        model = load(prototxt, zoo / folder / f"{weights}.caffemodel")
        assert total_cost(model).params == params, folder


def test_a_net_is_counted_once_for_each_question(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []
    count = cost_module.count_cost
    monkeypatch.setattr(
        cost_module, "count_cost", lambda *given: counted.append(1) or count(*given)
    )
    model = vgg16()
    whole = total_cost(model)
    assert total_cost(model, model.network()) == whole
    assert len(counted) == 1
    assert total_cost(model, inputs={"data": [2, 3, 224, 224]}).macs == 2 * whole.macs
    assert len(counted) == 2
