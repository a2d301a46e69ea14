"""A net without the layers of other phases: what stays, byte for byte, and who can read it then."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from test_phases import nets

from netsurgery.engine import engine
from netsurgery.errors import NetworkError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.deploy import other_phases, without_other_phases
from netsurgery.network.graph import Network
from netsurgery.network.model import load


@given(nets())
def test_what_test_has_stays_byte_for_byte(text: str) -> None:
    before = Prototxt.parse(text.encode())
    after = without_other_phases(before)
    built = Network.of(before).layers
    assert [layer.name for layer in Network.of(after).layers] == [layer.name for layer in built]
    assert [one.text for one in after.layers] == [layer.text.text for layer in built]
    assert not other_phases(after)
    lines = text.splitlines()
    kept = [line for line in lines if line in after.data.decode().splitlines()]
    assert after.data.decode().splitlines() == kept
    assert len(lines) - len(kept) == len(before.layers) - len(built)


V1 = """# a net
layers { name: "data" type: MEMORY_DATA top: "data" top: "label" include { phase: TRAIN } }
input: "data"  # of people
input_dim: 1 input_dim: 2 input_dim: 1 input_dim: 1
layers {
  name: "r" type: RELU bottom: "data" top: "r" # twice
}
layers { name: "loss" type: EUCLIDEAN_LOSS bottom: "r" bottom: "label" exclude { phase: TEST } }
"""
V0 = """input: "data" input_dim: 1 input_dim: 1 input_dim: 4 input_dim: 4
layers { layer { name: "p" type: "padding" pad: 1 } bottom: "data" top: "p" }
layers { layer { name: "c" type: "conv" num_output: 2 kernelsize: 3 } bottom: "p" top: "c" }
"""


def test_older_layouts() -> None:
    after = without_other_phases(Prototxt.parse(V1.encode())).data.decode()
    assert after == "".join(
        line + "\n" for line in V1.splitlines() if "LOSS" not in line and "MEMORY" not in line
    )
    # A padding layer is built as a part of another.
    assert without_other_phases(Prototxt.parse(V0.encode())).data == V0.encode()


def test_a_net_for_training_alone_is_refused() -> None:
    text = b'layer { name: "a" type: "ReLU" include { phase: TRAIN } }'
    with pytest.raises(NetworkError, match="no layer of this net is built for TEST"):
        without_other_phases(Prototxt.parse(text))


def test_opencv_reads_what_is_left(zoo: Path, opencv: str, tmp_path: Path) -> None:
    """waifu2x is deployed with the MemoryData and EuclideanLoss of its training."""
    import cv2

    folder = zoo / "waifu2x_upconv7_scale2x"
    files = folder / "deploy.prototxt", folder / "scale2.0x_model.json.caffemodel"
    picture = np.random.default_rng(0).random((1, 3, 142, 142), np.float32)
    net = cv2.dnn.readNetFromCaffe(*map(str, files))
    net.setInput(picture)
    with pytest.raises(cv2.error, match="EuclideanLoss"):
        net.forward()
    deployed = tmp_path / "deploy.prototxt"
    deployed.write_bytes(without_other_phases(load(*files).prototxt).data)
    net = cv2.dnn.readNetFromCaffe(str(deployed), str(files[1]))
    net.setInput(picture)
    found = net.forward()
    # Our engine leaves them out by itself; Winograd's algorithm, which it turns off, rounds more.
    with engine(opencv).open(*files) as session:
        (expected,) = session.forward({"input": picture}).values()
    np.testing.assert_allclose(found, expected, atol=1e-4)
