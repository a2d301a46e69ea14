"""The room of layer types: one file a type, names that are one's own, plugins, careful answers."""

from __future__ import annotations

import subprocess
import sys
import textwrap
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


def test_a_layer_type_is_one_file() -> None:
    homes: dict = {}
    for one in layer_types().values():
        homes.setdefault(type(one).__module__, set()).add(one)
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


PLUGIN = """
    from netsurgery.layers import LayerType, register_layer

    @register_layer
    class DoublingLayer(LayerType):
        "Every row and column twice."

        name = "Doubling"

        def shapes(self, node):
            num, channels, height, width = node.four()
            return [(num, channels, 2 * height, 2 * width)]

        def channels(self, node):
            return [node.placed(node.along(1), 1)]
"""
QUESTION = """
    import sys
    from netsurgery.layers import LAYERS
    from netsurgery.network import channel_groups, infer_shapes, load

    model = load(sys.argv[1])
    network = model.network()
    print(infer_shapes(network)[network.last("s")])
    print([(group.name, bool(group.blocked)) for group in channel_groups(model)])
    print(LAYERS.failed)
"""


def test_another_package_adds_a_layer_type(tmp_path: Path) -> None:
    (tmp_path / "doubling.py").write_text(textwrap.dedent(PLUGIN))
    (tmp_path / "again.py").write_text(textwrap.dedent(PLUGIN).replace("Doubling", "Pooling"))
    info = tmp_path / "doubling-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: doubling\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[netsurgery.layers]\ndoubling = doubling\nagain = again\n"
    )
    net = tmp_path / "net.prototxt"
    net.write_text(NET % "Doubling")
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(QUESTION), str(net)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert run.returncode == 0, run.stderr
    shape, groups, failed = run.stdout.splitlines()
    assert shape == "(2, 4, 12, 12)"
    assert groups == "[('data', True), ('a', False), ('b', True)]"
    assert "'Pooling' is the name of netsurgery.layers.pooling.PoolingLayer already" in failed
