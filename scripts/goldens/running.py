"""Run a case with one tree, and keep what it wrote."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, NamedTuple

import numpy as np
from revisions import Tree

from goldens.cases import Case, Net

# What may change the last bits beside our own code, and must not take the blame on it.
LIBRARIES = ("numpy", "scipy", "protobuf", "h5py", "PyYAML")
SAMPLES = 96


class Outcome(NamedTuple):
    """What a case left behind.

    Attributes:
        folder: The files that were written, and the standard output of each command.
        failure: The last words of the first command that could not run, or ``""``. A verdict
            (status 1) is none: the pair is written all the same.
    """

    folder: Path
    failure: str


def run(case: Case, net: Net, tree: Tree, place: Path) -> Outcome:
    """Run the commands of a case in a scratch folder, and keep its ``out`` as ``place``."""
    with tempfile.TemporaryDirectory(prefix="golden-") as scratch:
        here = Path(scratch)
        names = lay_out(net, here)
        (here / "out").mkdir()
        failure = ""
        for number, command in enumerate(case.commands):
            words = [word.format(**names) for word in shlex.split(command)]
            done = subprocess.run(
                [sys.executable, "-m", "netsurgery", *words],
                cwd=here,
                env=tree.environment(
                    OPENBLAS_NUM_THREADS="1",
                    OMP_NUM_THREADS="1",
                    NETSURGERY_CACHE=str(here / "cache"),
                    COLUMNS="100",
                ),
                capture_output=True,
                text=True,
            )
            if done.returncode not in (0, 1):
                said = done.stderr.strip().splitlines() or ["nothing"]
                failure = f"netsurgery {words[0]} ended with {done.returncode}: {said[-1]}"
                break
            if "--json" in words:
                (here / "out" / f"printed-{number}.json").write_text(done.stdout)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(here / "out", place / "out")
    (place / "failure").write_text(failure)
    return Outcome(place / "out", failure)


def recall(place: Path) -> Outcome:
    """What an earlier run kept in ``place``."""
    return Outcome(place / "out", (place / "failure").read_text())


def is_kept(place: Path) -> bool:
    """Whether a run kept all it wrote in ``place``: the failure, or none, is written last."""
    return (place / "failure").is_file()


def lay_out(net: Net, here: Path) -> Dict[str, str]:
    """Copy a net's files into a folder: reports and plans then name them alike in both trees."""
    for file in (net.prototxt, net.weights):
        shutil.copyfile(file, here / file.name)
    if net.data:
        shutil.copyfile(net.data, here / "data.npz")
    else:
        random = np.random.default_rng(0)
        np.savez(here / "data.npz", data=random.normal(size=(SAMPLES, *net.sample)))
    return {"prototxt": net.prototxt.name, "weights": net.weights.name, "data": "data.npz"}


def fingerprint(case: Case, net: Net) -> str:
    """A name for what the outcome depends on beside the code: commands, inputs, libraries."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    files = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (net.prototxt, net.weights)]
    parts = [
        case.commands,
        files,
        hashlib.sha256(net.data.read_bytes()).hexdigest() if net.data else net.sample,
        SAMPLES,
        versions,
        platform.python_version(),
        platform.processor(),
        os.environ.get("NETSURGERY_CAFFE_PYTHON", ""),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
