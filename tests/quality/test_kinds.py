"""What an output is, told from the net."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from output_nets import convolution, dense, layer, network

from netsurgery.errors import VerificationError
from netsurgery.network.graph import Value
from netsurgery.network.model import Model, load
from netsurgery.network.shapes import infer_shapes
from netsurgery.quality.kinds import kinds_of

SOFTMAX_LAST = "softmax_param { axis: 2 }"
TRAINED = (
    'layer { name: "l" type: "SoftmaxWithLoss" bottom: "o" bottom: "label" top: "loss" '
    "include { phase: TRAIN } }\n"
)


def kinds(net: Any, **more: Any) -> dict[str, str]:
    shapes = infer_shapes(net)
    outputs = {value: shapes[value] or (1, 1, 1, 7) for value in net.outputs}
    inputs = {value: shapes[value] for value in net.inputs}
    return {value.blob: kind.name for value, kind in kinds_of(net, outputs, inputs, **more).items()}


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (dense("data", "o", 10), "numbers"),
        (dense("data", "o", 10) + TRAINED, "classes"),
        (dense("data", "f", 10) + layer("Softmax", "f", "o"), "classes"),
        (
            dense("data", "f", 10) + layer("Softmax", "f", "s") + layer("Flatten", "s", "o"),
            "classes",
        ),
        (dense("data", "f", 1) + layer("Softmax", "f", "o"), "numbers"),
        (dense("data", "f", 10) + layer("Sigmoid", "f", "o"), "probabilities"),
        (dense("data", "f", 10) + layer("ArgMax", "f", "o"), "classes"),
        (dense("data", "f", 10) + layer("Normalize", "f", "o"), "embeddings"),
        (convolution("data", "f", 5) + layer("Softmax", "f", "o"), "segmentation"),
        (
            convolution("data", "f", 5) + layer("ArgMax", "f", "o", "argmax_param { axis: 1 }"),
            "segmentation",
        ),
        (convolution("data", "o", 3), "picture"),
        (convolution("data", "o", 1), "picture"),
        (convolution("data", "o", 5), "map"),
        (
            convolution("data", "f", 3)
            + layer("Pooling", "f", "o", "pooling_param { kernel_size: 4 stride: 4 }"),
            "map",
        ),
    ],
)
def test_the_net_says_what_an_output_is(layers: str, expected: str) -> None:
    assert kinds(network(layers)) == {"o": expected}


def test_scores_beside_boxes_are_detections_and_landmarks_belong_to_them() -> None:
    text = dense("data", "f", 2) + layer("Softmax", "f", "p") + dense("data", "b", 4)
    assert kinds(network(text + dense("data", "m", 10))) == {
        "p": "detections",
        "b": "boxes",
        "m": "boxes",
    }
    assert kinds(network(text), chosen={"p": "classes"}) == {"p": "classes", "b": "numbers"}


def test_what_the_user_says_counts() -> None:
    net = network(dense("data", "o", 10))
    assert kinds(net, chosen={"o": "embeddings"}) == {"o": "embeddings"}
    assert kinds(net, labelled=Value("o")) == {"o": "classes"}
    assert kinds(net, classes_asked=True) == {"o": "classes"}


@pytest.mark.parametrize(
    "chosen", [{"x": "classes"}, {"o": "boxes"}, {"o": "fruit"}, {"o": "detections"}]
)
def test_what_cannot_be_is_refused(chosen: dict[str, str]) -> None:
    with pytest.raises(VerificationError):
        kinds(network(dense("data", "o", 10)), chosen=chosen)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("hyperlpr_finemapping", {"numbers"}),
        ("mtcnn_det4_lnet", {"numbers"}),
        ("opencv_3dobj_triplet", {"numbers"}),
        ("hyperlpr_char", {"classes"}),
        ("mtcnn_det1", {"detections", "boxes"}),
        ("mtcnn_det3", {"detections", "boxes"}),
        ("ultraface_rfb320", {"detections", "boxes"}),
        ("waifu2x_upconv7_scale2x", {"picture"}),
        ("yufacedetect_v1", {"detections"}),
        ("squeezenet_v1.0_deepcompression", {"numbers"}),
    ],
)
def test_models_of_the_zoo(zoo: Any, folder: str, expected: set[str]) -> None:
    (weights,) = sorted((zoo / folder).glob("*.caffemodel"))[:1]
    model: Optional[Model] = load(zoo / folder / "deploy.prototxt", weights)
    assert model is not None
    found = kinds(model.network())
    assert set(found.values()) == expected, found
