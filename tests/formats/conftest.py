"""Real Caffe as the judge of weights files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Callable, Iterator, Optional

import numpy as np
import pytest

WORKER = Path(__file__).with_name("caffe_params.py")
Params = dict[str, list[np.ndarray]]


@pytest.fixture(scope="session")
def load_in_caffe(
    caffe_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Optional[Params]]]:
    """A function from a prototxt and weights to the parameters Caffe holds then.

    It gives None where Caffe refuses the pair. With ``save=path`` Caffe also saves the net.
    """
    out = tmp_path_factory.mktemp("caffe") / "params.npz"
    worker = subprocess.Popen(
        [caffe_python, str(WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def load(prototxt: Path, weights: Path, save: object = "") -> Optional[Params]:
        case = {"prototxt": prototxt, "weights": weights, "out": out, "save": save}
        assert worker.stdin
        assert worker.stdout
        worker.stdin.write(json.dumps({key: str(value) for key, value in case.items()}) + "\n")
        worker.stdin.flush()
        return _params(out) if json.loads(worker.stdout.readline()) else None

    with worker:
        yield load
        worker.communicate()


def _params(path: Path) -> Params:
    params: Params = {}
    with np.load(path) as file:
        for number, name in enumerate(file["names"]):
            keys = sorted(key for key in file.files if key.startswith(f"{number} "))
            params[str(name)] = [file[key] for key in keys]
    return params
