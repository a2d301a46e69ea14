"""Nets are fed many samples at a time where none touches another, and only there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netsurgery import load
from netsurgery.calibration import Inputs
from netsurgery.calibration.batching import largest_batch, samples_are_apart
from netsurgery.calibration.session_pool import open_model
from netsurgery.engine import choose
from netsurgery.formats import Prototxt
from netsurgery.network import Network, Value, with_open_batch

INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { %s } } }\n'
ONE = INPUT % "dim: 1 dim: 4 dim: 2 dim: 3"
DETECTOR = (
    ONE
    + """
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param {
            num_output: 4 kernel_size: 1 weight_filler { type: "gaussian" std: 1 } } }
    layer { name: "permute" type: "Permute" bottom: "conv" top: "permute"
            permute_param { order: 0 order: 2 order: 3 order: 1 } }
    layer { name: "rows" type: "Reshape" bottom: "permute" top: "rows"
            reshape_param { shape { dim: 1 dim: -1 dim: 2 } } }  # as it was exported
    layer { name: "prob" type: "Softmax" bottom: "rows" top: "prob" softmax_param { axis: 2 } }
"""
)


def reshape(bottom: str, top: str, *dims: int) -> str:
    sizes = " ".join(f"dim: {dim}" for dim in dims)
    return (
        f'layer {{ name: "{top}" type: "Reshape" bottom: "{bottom}" top: "{top}" '
        f"reshape_param {{ shape {{ {sizes} }} }} }}\n"
    )


def layer(kind: str, bottom: str, top: str, parameter: str = "") -> str:
    return f'layer {{ name: "{top}" type: "{kind}" bottom: "{bottom}" top: "{top}" {parameter} }}\n'


def parse(text: str) -> Network:
    return Network.of(Prototxt.parse(text.encode()))


def are_apart(text: str, wanted: str = "") -> bool:
    network = parse(text)
    values = [Value(wanted)] if wanted else None
    return samples_are_apart(network, {"data": (4, 2, 3)}, values)


def test_a_batch_that_is_written_out_is_left_open() -> None:
    network = parse(DETECTOR)
    opened = with_open_batch(network)
    assert opened is with_open_batch(network)
    assert list(opened.layers[3].parameter.reshape_param.shape.dim) == [0, -1, 2]
    assert opened.prototxt.data == network.prototxt.data.replace(
        b"dim: 1 dim: -1", b"dim: 0 dim: -1"
    )
    assert are_apart(DETECTOR)


@pytest.mark.parametrize(
    ("dims", "opened"),
    [((1, -1), (0, -1)), ((2, -1), None), ((0, -1), None), ((-1, 3), None), ((1, 4, 6), (0, 4, 6))],
)
def test_only_a_first_size_that_is_the_bottoms(dims: tuple, opened: tuple) -> None:
    network = with_open_batch(parse(ONE + reshape("data", "out", *dims)))
    assert tuple(network.layers[1].parameter.reshape_param.shape.dim) == (opened or dims)


@pytest.mark.parametrize("axis", ["axis: 1", "axis: -3 num_axes: 1", "num_axes: 0"])
def test_sizes_behind_the_first_axis_stay(axis: str) -> None:
    text = ONE + layer(
        "Reshape", "data", "out", f"reshape_param {{ {axis} shape {{ dim: 1 dim: -1 }} }}"
    )
    network = parse(text.replace("dim: 4 ", "dim: 1 "))
    assert with_open_batch(network) is network


SOFTMAX = layer("Softmax", "wide", "prob")
MIXED = {
    "in one row, and apart again": INPUT % "dim: 2 dim: 4 dim: 2 dim: 3"
    + reshape("data", "wide", 1, -1)
    + SOFTMAX
    + reshape("prob", "out", -1, 24),
    "samples on the second axis": ONE
    + layer("Permute", "data", "moved", "permute_param { order: 1 order: 0 }")
    + reshape("moved", "out", -1, 1),
    "one channel in the place of one sample": INPUT % "dim: 1 dim: 1 dim: 2 dim: 3"
    + layer("Permute", "data", "moved", "permute_param { order: 1 order: 0 }")
    + reshape("moved", "out", 1, -1),
    "all classes of all samples": ONE
    + layer("Softmax", "data", "out", "softmax_param { axis: 0 }"),
}


@pytest.mark.parametrize("net", MIXED)
def test_a_net_that_mixes_samples_is_fed_one_at_a_time(net: str) -> None:
    shape = (1, 2, 3) if "one channel" in net else (4, 2, 3)
    assert not samples_are_apart(parse(MIXED[net]), {"data": shape})


def test_what_mixes_behind_what_is_looked_at_does_not_count() -> None:
    text = DETECTOR + layer("Softmax", "prob", "mixed", "softmax_param { axis: 0 }")
    assert not are_apart(text)
    assert not are_apart(text, "mixed")
    assert are_apart(text, "prob")
    inputs = Inputs({"data": np.zeros((5, 4, 2, 3))})
    assert largest_batch(parse(text), inputs) is None
    assert largest_batch(parse(text), inputs, wanted=[Value("conv")]) == 5


def test_priors_are_the_same_for_all_samples() -> None:
    priors = (
        'layer { name: "priors" type: "PriorBox" bottom: "conv" bottom: "data" top: "priors" '
        "prior_box_param { min_size: 1 } }"
    )
    assert are_apart(DETECTOR + priors, "prob")
    assert not are_apart(DETECTOR + priors, "priors")


@pytest.mark.parametrize("engine", ["caffe", "opencv"])
def test_samples_give_together_what_they_give_alone(
    request: pytest.FixtureRequest, engine: str, zoo: Path
) -> None:
    """Of a detector whose Reshapes write out one sample; sums differ in their order at most."""
    request.getfixturevalue(f"{engine}_python" if engine == "caffe" else engine)
    folder = zoo / "ultraface_rfb320"
    model = load(folder / "deploy.prototxt", next(folder.glob("*.caffemodel")))
    data = np.random.default_rng(0).normal(size=(3, 3, 240, 320)).astype(np.float32)
    values = {value.blob: value for value in model.network().outputs}
    with open_model(choose(engine), model) as runner:
        together = runner.run(next(Inputs({"input": data}).batches(3)), values)
        alone = [runner.run(batch, values) for batch in Inputs({"input": data}).batches(1)]
    for name, array in together.items():
        assert array.shape[0] == 3
        single = np.concatenate([one[name] for one in alone])
        np.testing.assert_allclose(array, single, rtol=0, atol=1e-5 * np.abs(single).max())


def test_a_net_is_looked_at_once_for_how_many_samples_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = []
    monkeypatch.setattr(
        "netsurgery.calibration.batching.samples_are_apart",
        lambda *asked: looks.append(asked) or True,
    )
    network = parse(DETECTOR)
    few, many = (Inputs({"data": np.zeros((count, 4, 2, 3))}) for count in (3, 9))
    assert [largest_batch(network, one) for one in (few, many, few)] == [3, 9, 3]
    assert len(looks) == 1
    largest_batch(network, many, wanted=[Value("conv")])
    assert len(looks) == 2
