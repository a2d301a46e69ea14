"""Real Caffe as the judge of many small nets, and networks made from a line of text."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Callable, Dict, Iterator

import pytest

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Network

WORKER = Path(__file__).with_name("caffe_worker.py")


@pytest.fixture(scope="session")
def ask_caffe(
    caffe_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Dict[str, Any]]]:
    """A function from a prototxt (path or text) to what real Caffe says of it.

    Its keyword arguments are those of a case of caffe_worker.py.
    """
    folder = tmp_path_factory.mktemp("caffe")
    with subprocess.Popen(
        [caffe_python, str(WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
    ) as worker:
        assert worker.stdin
        assert worker.stdout

        def ask(prototxt: Any, **case: Any) -> Dict[str, Any]:
            if isinstance(prototxt, str):
                path = folder / "case.prototxt"
                path.write_text(prototxt)
                prototxt = path
            case = {name: str(v) if isinstance(v, Path) else v for name, v in case.items()}
            worker.stdin.write(json.dumps({"prototxt": str(prototxt), **case}) + "\n")
            worker.stdin.flush()
            return json.loads(worker.stdout.readline())

        yield ask
        worker.stdin.close()


@pytest.fixture(scope="session")
def parse() -> Callable[..., Network]:
    """A function from the text of a prototxt to its network."""

    def network(text: str, **arguments: Any) -> Network:
        return Network.of(Prototxt.parse(text.encode()), **arguments)

    return network
