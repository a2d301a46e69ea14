"""Databases and HDF5 files as Caffe's tools make them, and what real Caffe makes of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Tuple

import numpy as np
import pytest

from netsurgery.formats.schema import message_class

Datum = message_class("Datum")
LAYER = 'layer {{ name: "{name}" type: "{kind}" {tops} {parameters} }}\n'


def data_layer(kind: str, parameters: str, tops: str = "data label", name: str = "data") -> str:
    """A data layer."""
    made = " ".join(f'top: "{top}"' for top in tops.split())
    return LAYER.format(name=name, kind=kind, tops=made, parameters=parameters)


def images(count: int, shape: Tuple[int, ...] = (3, 9, 11), seed: int = 0) -> np.ndarray:
    """Images of noise, uint8."""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def raw(pixels: np.ndarray, label: int) -> bytes:
    """A Datum of bytes, or of floats."""
    shape = dict(zip(("channels", "height", "width"), pixels.shape))
    if pixels.dtype == np.uint8:
        return Datum(**shape, data=pixels.tobytes(), label=label).SerializeToString()
    return Datum(**shape, float_data=pixels.ravel().tolist(), label=label).SerializeToString()


def encoded(pixels: np.ndarray, label: int, suffix: str = ".png") -> bytes:
    """A Datum that holds an image file."""
    cv2 = pytest.importorskip("cv2")
    data = cv2.imencode(suffix, pixels.transpose(1, 2, 0))[1].tobytes()
    return Datum(encoded=True, data=data, label=label).SerializeToString()


def write_lmdb(folder: Path, records: Iterable[bytes]) -> Path:
    """Write a database with the keys of convert_imageset."""
    lmdb = pytest.importorskip("lmdb")
    opened = lmdb.open(str(folder), map_size=1 << 24)
    with opened as environment, environment.begin(write=True) as transaction:
        for number, record in enumerate(records):
            transaction.put(b"%08d_image.png" % number, record)
    return folder


class RealCaffe:
    """Collects nets that hold data layers alone, and runs them in one process of real Caffe."""

    def __init__(self, python: str, folder: Path) -> None:
        self._python, self._folder = python, folder
        self._jobs: List[Dict[str, Any]] = []

    def add(self, text: str, batches: int, phase: str = "TEST") -> Tuple[Path, Path]:
        """Take a net; returns its prototxt, and the folder for its blobs."""
        folder = self._folder / f"net{len(self._jobs)}"
        folder.mkdir()
        prototxt = folder / "train_val.prototxt"
        prototxt.write_text(text)
        job = {"prototxt": str(prototxt), "batches": batches, "phase": phase}
        job["folder"] = str(folder)
        self._jobs.append(job)
        return prototxt, folder

    def run(self, cwd: Optional[Path] = None) -> None:
        """Run all nets."""
        listed = self._folder / "jobs.json"
        listed.write_text(json.dumps(self._jobs))
        script = Path(__file__).with_name("caffe_feeds.py")
        run = subprocess.run(
            [self._python, str(script), str(listed)], capture_output=True, text=True, cwd=cwd
        )
        assert run.returncode == 0, run.stderr
