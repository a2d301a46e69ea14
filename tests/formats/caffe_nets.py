"""What real Caffe makes of a prototxt, for tests; run as a program it is the Caffe side.

Each case runs in a forked child, because Caffe ends the process when it refuses a file. The
answer is the net that Caffe saves: its layers after its own upgrade and filtering, with blobs
of which only the shapes are left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, Optional


class CaffeNets:
    """A running Caffe that builds nets."""

    def __init__(self, python: str, folder: Path) -> None:
        self.folder = folder
        self.worker = subprocess.Popen(
            [python, __file__],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def build(self, prototxt: bytes, phase: str = "TEST") -> Optional[Any]:
        """The ``NetParameter`` that Caffe saves, None if it refuses the text."""
        from netsurgery.formats.schema import NetParameter

        path, out = self.folder / "net.prototxt", self.folder / "net.caffemodel"
        path.write_bytes(prototxt)
        case = {"prototxt": str(path), "out": str(out), "phase": phase}
        assert self.worker.stdin
        assert self.worker.stdout
        self.worker.stdin.write(json.dumps(case) + "\n")
        self.worker.stdin.flush()
        if not json.loads(self.worker.stdout.readline()):
            return None
        return NetParameter.FromString(out.read_bytes())


def start_caffe(python: str, folder: Path) -> Iterator[CaffeNets]:
    """Yield a running Caffe and end it afterwards."""
    nets = CaffeNets(python, folder)
    with nets.worker:
        yield nets
        nets.worker.communicate()


def _build(case: dict) -> None:
    import caffe
    from caffe.proto import caffe_pb2

    net = caffe.Net(case["prototxt"], getattr(caffe, case["phase"]))
    net.save(case["out"])
    saved = caffe_pb2.NetParameter.FromString(Path(case["out"]).read_bytes())
    for layer in saved.layer:
        for blob in layer.blobs:
            del blob.data[:]
    Path(case["out"]).write_bytes(saved.SerializeToString())


def _serve() -> None:
    os.environ["GLOG_minloglevel"] = "2"  # noqa: SIM112
    import caffe  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if not child:
            _build(json.loads(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps(status == 0), flush=True)


if __name__ == "__main__":
    _serve()
