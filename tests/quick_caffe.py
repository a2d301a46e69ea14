"""Real Caffe that opens a net in hundredths of a second: a child that has it imported forks."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Sequence

import numpy as np

from netsurgery.engine import Engine, Probe, Session
from netsurgery.errors import EngineError

WORKER = Path(__file__).with_name("network") / "caffe_worker.py"


class QuickCaffe(Engine):
    """An engine for tests that run many small nets."""

    name = "quick caffe"

    def __init__(self, python: str) -> None:
        self._worker = subprocess.Popen(
            [python, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._turn = threading.Lock()

    def probe(self) -> Probe:
        return Probe(True, "1.0")

    def unsupported(self, types: Iterable[str]) -> List[str]:
        return []

    def open(self, prototxt: Any, weights: Any = None, *, phase: str = "TEST") -> Session:
        return QuickSession(self, prototxt, weights)

    def ask(self, **case: Any) -> Dict[str, Any]:
        assert self._worker.stdin
        assert self._worker.stdout
        with self._turn:
            self._worker.stdin.write(json.dumps(case) + "\n")
            self._worker.stdin.flush()
            answer = json.loads(self._worker.stdout.readline())
        if "error" in answer:
            raise EngineError(answer["error"], file=case["prototxt"])
        return answer

    def close(self) -> None:
        with self._worker:
            assert self._worker.stdin
            self._worker.stdin.close()


class QuickSession(Session):
    """A net that is loaded anew for every forward pass."""

    def __init__(self, engine: QuickCaffe, prototxt: Any, weights: Any) -> None:
        self._caffe = engine
        answer = engine.ask(prototxt=str(prototxt), weights=str(weights) if weights else None)
        # Who opened it may take the files away again.
        self._folder = tempfile.TemporaryDirectory()
        files = {"prototxt": prototxt, "weights": weights}
        self._case = {
            name: str(shutil.copy(file, Path(self._folder.name) / name)) if file else None
            for name, file in files.items()
        }
        self.blobs = {name: tuple(shape) for name, shape in answer["blobs"]}
        self.inputs = {name: self.blobs[name] for name in answer["inputs"]}
        self.outputs = tuple(answer["outputs"])

    def forward(
        self, inputs: Mapping[str, np.ndarray], blobs: Sequence[str] = ()
    ) -> Dict[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            fed = {name: str(Path(folder) / f"in{i}.npy") for i, name in enumerate(inputs)}
            for name, path in fed.items():
                np.save(path, np.asarray(inputs[name], np.float32))
            answer = self._caffe.ask(**self._case, forward=1, feed=fed, keep=folder)
            names = [name for name, _ in answer["blobs"]]
            wanted = blobs or self.outputs
            return {n: np.load(Path(folder) / f"{names.index(n)}.npy") for n in wanted}

    def close(self) -> None:
        self._folder.cleanup()
