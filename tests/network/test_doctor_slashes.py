"""What the doctor says of slashes in names is what real Caffe does with them in HDF5."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Sequence

import numpy as np
import pytest
from small_models import make_model

from netsurgery.network import examine

SAVE = """
import sys, numpy, caffe
first = caffe.Net(sys.argv[1], sys.argv[2], caffe.TEST)
first.save_hdf5(sys.argv[3])
print("saved", flush=True)
again = caffe.Net(sys.argv[1], caffe.TEST)
again.load_hdf5(sys.argv[3])
same = [(a.data == b.data).all() for k in first.params
        for a, b in zip(first.params[k], again.params[k])]
print("loaded" if all(same) else "lost")
"""
CANNOT, STOPS, LOSES = (
    "cannot save",
    "within the layer before the /",
    "under other names, for a / at an end",
)


def net(names: Sequence[str]) -> str:
    text = 'layer { name: "data" type: "Input" top: "0" input_param { shape { dim: 1 dim: 3 } } }\n'
    for place, name in enumerate(names):
        text += (
            f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{place}" top: "{place + 1}" '
            "inner_product_param { num_output: 3 } }\n"
        )
    return text


@pytest.mark.parametrize(
    ("names", "said", "does"),
    [
        ("a b", "", ["saved", "loaded"]),
        ("a a/b", STOPS, ["saved"]),
        ("data/a", STOPS, ["saved"]),
        ("a/b a", CANNOT, []),
        ("a b/c", CANNOT, []),
        ("a a/b/c", CANNOT, []),
        ("a/ b", LOSES, ["saved", "lost"]),
        ("/a b", LOSES, ["saved", "lost"]),
        ("a /a", LOSES, ["saved", "lost"]),
        ("a a/", CANNOT, []),
        ("a a/b a/c", STOPS, ["saved"]),
    ],
)
def test_a_name_with_a_slash_is_as_caffe_takes_it(
    caffe_python: str, tmp_path: Path, names: str, said: str, does: Sequence[str]
) -> None:
    blobs = {
        name: [np.full((3, 3), n + 2.0), np.full(3, 0.5)] for n, name in enumerate(names.split())
    }
    model = make_model(net(names.split()), blobs)
    files = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    model.save(*files)
    told = [str(one) for one in examine(model) if "HDF5" in str(one)]
    assert len(told) == bool(said)
    assert not said or said in told[0]
    words = [caffe_python, "-c", SAVE, *map(str, files), str(tmp_path / "net.h5")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout.split() == list(does)
    assert (done.returncode == 0) == (len(does) == 2)
