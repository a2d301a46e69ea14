"""scripts/benchmark --growth: exponents, where curves end, and the nets that grow."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import growth
from benchmarks.growth import CURVES, Curve, Grown, Point, exponent, grow, markdown
from benchmarks.seeded import (
    chain_of_convolutions,
    chain_of_products,
    layers_in_place,
    write_pair,
)
from benchmarks.setting import Setting
from benchmarks.sides import Side
from benchmarks.vgg16 import Vgg16
from kept import Kept

from netsurgery import load
from netsurgery.network import infer_shapes

SIZES = [8, 16, 32, 64, 128, 256]
FOUR_LAYERS = """
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 5 kernel_size: 3 } }
layer { name: "bn" type: "BatchNorm" bottom: "conv" top: "conv" }
layer { name: "scale" type: "Scale" bottom: "conv" top: "conv" scale_param { bias_term: true } }
"""


@pytest.mark.parametrize("power", [1, 2, 3])
def test_an_exponent_is_that_of_what_comes_on_top(power: int) -> None:
    values = [5.0, *(5.0 + 0.25 * size**power for size in SIZES[1:])]
    assert exponent(SIZES, values) == pytest.approx(power)


def test_an_exponent_is_that_of_the_upper_half() -> None:
    # Linear up to 64, cubic from there: 64^3 = 64 * 4096.
    values = [1e-9, *(float(size) for size in SIZES[1:4]), *(size**3 / 4096 for size in SIZES[4:])]
    assert exponent(SIZES, values) > 2.5


def test_what_hardly_grows_has_none() -> None:
    assert exponent(SIZES, [5.0, 5.1, 4.9, 5.2, 5.3, 5.5]) == 0
    assert exponent(SIZES, [5.0, 3.0, 3.0, 3.0, 3.0, 9.0]) == 0
    assert exponent(SIZES[:2], [1.0, 9.0]) == 0


def words_for(folder: Path, size: int) -> list:
    return [str(size)]


CURVE = Curve("c", "things", SIZES, words_for, time=1, memory=1, why="so")


def test_a_curve_ends_where_patience_does_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def point(curve: Curve, setting: Setting, side: Side, folder: Path, size: int) -> tuple:
        asked.append(size)
        return float(size), size * 10

    monkeypatch.setattr(growth, "_point", point)
    setting, side = Setting(Vgg16(), tmp_path, None, 1), Side("ours", tmp_path / "python", "digest")
    for patience, reached in ((20, 32), (100, 128)):
        found = grow(CURVE, setting, side, Kept(tmp_path / "kept.jsonl"), patience)
        assert [one.size for one in found.points] == SIZES[: SIZES.index(reached) + 1]
    assert asked == [8, 16, 32, 64, 128]
    assert found.points[-1] == Point(128, 128.0, 1280)


def grown(power: float, **more: Any) -> Grown:
    return Grown(
        replace(CURVE, **more), [Point(one, 1 + one**power, 10**6 * (1 + one)) for one in SIZES]
    )


def test_what_grows_faster_than_it_must_is_named() -> None:
    assert grown(1).as_it_must
    assert not grown(2).as_it_must
    assert grown(2, time=2).as_it_must
    assert not grown(1, memory=0).as_it_must
    fine, fast = markdown([grown(1), grown(2)], "images").splitlines()[2:4]
    assert "1 and 1: so" in fine
    assert "**faster than 1 and 1: so**" in fast
    assert "2.0" in fast


def test_a_plot_shows_both_exponents(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from benchmarks.growth_plots import draw

    file = tmp_path / "images" / "growth.svg"
    draw(grown(2), file)
    said = [text.strip() for text in ElementTree.parse(file).getroot().itertext() if text.strip()]
    found, memory = grown(2).exponents
    assert f"exponent {found:.2f}" in said
    assert f"exponent {memory:.2f}" in said
    assert said.count("things") == 2
    written = file.read_bytes()
    draw(grown(2), file)
    assert file.read_bytes() == written


def test_seeded_nets_have_blobs_of_their_shapes(tmp_path: Path) -> None:
    pair = tmp_path / "deploy.prototxt", tmp_path / "net.caffemodel"
    write_pair(FOUR_LAYERS.encode(), *pair)
    model = load(*pair)
    shapes = {
        layer: [blob.shape for blob in model.blobs(layer)] for layer in ("conv", "bn", "scale")
    }
    assert shapes == {"conv": [(5, 3, 3, 3), (5,)], "bn": [(5,), (5,), (1,)], "scale": [(5,), (5,)]}
    assert model.blobs("bn")[2].array() == 1
    assert (model.blobs("bn")[1].array() > 0).all()
    written = pair[1].read_bytes()
    write_pair(FOUR_LAYERS.encode(), *pair)
    assert pair[1].read_bytes() == written


@pytest.mark.parametrize(
    ("text", "layers", "shape"),
    [
        (chain_of_convolutions(3, 4, 8), 3 * 2 + 3, (1, 10)),
        (chain_of_products(2, 6), 2 * 2 + 3, (1, 10)),
        (layers_in_place(5), 5 + 1, (1, 3)),
    ],
    ids=["convolutions", "products", "in place"],
)
def test_chains_are_as_long_as_they_are_asked(
    tmp_path: Path, text: bytes, layers: int, shape: tuple
) -> None:
    write_pair(text, tmp_path / "deploy.prototxt", tmp_path / "net.caffemodel")
    network = load(tmp_path / "deploy.prototxt").network()
    (output,) = network.outputs
    assert len(network.layers) == layers
    assert infer_shapes(network)[output] == shape


def test_every_curve_makes_the_files_that_it_plans_with(tmp_path: Path) -> None:
    for one in CURVES:
        words = one.words(tmp_path, one.sizes[0])
        files = [word for word in words if isinstance(word, Path)]
        assert len(files) >= 2
        assert all(file.exists() for file in files)
        assert one.sizes[0] <= 64
        assert one.sizes[-1] >= 1000
        if "--calibrate" in words:
            (blob,) = np.load(files[-1]).values()
            assert blob.dtype == np.float32
