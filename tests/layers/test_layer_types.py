"""The room of layer types: one file a type, names that are one's own, plugins, careful answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netsurgery.formats import Prototxt
from netsurgery.layers import LAYERS, UnknownLayer, layer_type, layer_types
from netsurgery.layers.base import LayerType
from netsurgery.network import Network, infer_shapes, unknown_reason

NET = """input: "data" input_shape { dim: [2, 3, 8, 8] }
layer { name: "a" type: "Convolution" bottom: "data" top: "a"
    convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "s" type: "%s" bottom: "a" top: "s" }
layer { name: "b" type: "Convolution" bottom: "s" top: "b"
    convolution_param { num_output: 2 kernel_size: 1 } }
"""


# Whoever learns more than the name of one of these gives it a file.
LITTLE_KNOWN = "netsurgery.layers.little_known"


def test_a_layer_type_is_one_file() -> None:
    homes: dict = {}
    for one in layer_types().values():
        homes.setdefault(type(one).__module__, set()).add(one)
    del homes[LITTLE_KNOWN]
    crowded = {home: [one.name for one in found] for home, found in homes.items() if len(found) > 1}
    assert not crowded
    assert all(home.startswith("netsurgery.layers.") for home in homes)


@pytest.mark.parametrize("name", sorted(layer_types()))
def test_a_layer_type_goes_by_its_names(name: str) -> None:
    one = layer_type(name)
    assert name in (one.name, *one.aliases)
    assert one.stock_name == one.name or layer_type(one.stock_name).is_stock
    assert one.__doc__ != LayerType.__doc__


def test_of_a_type_that_nobody_knows_nothing_is_said() -> None:
    assert isinstance(layer_type("Oracle"), UnknownLayer)
    assert layer_type("Oracle").why_whole == "is of a type nothing is known of"
    assert layer_type("OracleLoss").why_whole == "compares them with what should come out"
    network = Network.of(Prototxt.parse((NET % "Oracle").encode()))
    assert infer_shapes(network)[network.last("s")] is None


def test_of_an_unknown_type_is_told_which_plugins_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network.of(Prototxt.parse((NET % "Oracle").encode()))
    told = "nothing is known of its type Oracle"
    assert f"{told}; change" in str(unknown_reason(network, infer_shapes(network)))
    monkeypatch.setattr(LAYERS, "failed", {"delphi": "ImportError: no smoke"})
    told += "; plugins of layers that did not load: delphi (ImportError: no smoke)"
    assert told in str(unknown_reason(network, infer_shapes(network)))


PLUGIN = Path(__file__).resolve().parents[2] / "examples" / "plugin" / "netsurgery_example"
LARGER = """input: "data" input_shape { dim: [1, 3, 6, 6] }
layer { name: "a" type: "Convolution" bottom: "data" top: "a"
    convolution_param { num_output: 8 kernel_size: 3 } }
layer { name: "larger" type: "PixelShuffle" bottom: "a" top: "s"
    pixel_shuffle_param { factor: 2 } }
layer { name: "b" type: "Convolution" bottom: "s" top: "b"
    convolution_param { num_output: 2 kernel_size: 1 } }
"""
QUESTION = """
import sys
from netsurgery.layers import LAYERS
from netsurgery.network import channel_groups, infer_shapes, load, thin_model
from netsurgery.testing import check_layer

check_layer("PixelShuffle", open(sys.argv[1]).read())
model = load(sys.argv[1])
network = model.network()
print(infer_shapes(network)[network.last("s")])
groups = channel_groups(model)
print([(group.name, group.channels, bool(group.blocked)) for group in groups])
smaller = thin_model(model, groups, {"a": [1]}).network()
print([infer_shapes(smaller)[smaller.last(blob)] for blob in ("a", "s")])
print(LAYERS.failed)
"""


def test_another_package_adds_a_layer_type(tmp_path: Path) -> None:
    """The one that docs/extend/layer.md shows; and one that would take a name away."""
    plugin = (PLUGIN / "pixel_shuffle.py").read_text(encoding="utf-8")
    (tmp_path / "pixel_shuffle.py").write_text(plugin)
    (tmp_path / "again.py").write_text(plugin.replace('"PixelShuffle"', '"Pooling"'))
    info = tmp_path / "pixel_shuffle-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pixel_shuffle\nVersion: 1.0\n")
    points = "[netsurgery.layers]\npixel_shuffle = pixel_shuffle\nagain = again\n"
    (info / "entry_points.txt").write_text(points)
    (tmp_path / "net.prototxt").write_text(LARGER)
    run = subprocess.run(
        [sys.executable, "-c", QUESTION, "net.prototxt"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert run.returncode == 0, run.stderr
    shape, groups, thinned, failed = run.stdout.splitlines()
    assert shape == "(1, 2, 8, 8)"
    assert groups == "[('data', 3, True), ('a', 2, False), ('b', 2, True)]"
    assert thinned == "[(1, 4, 4, 4), (1, 1, 8, 8)]"
    assert "'Pooling' is the name of netsurgery.layers.pooling.PoolingLayer already" in failed
