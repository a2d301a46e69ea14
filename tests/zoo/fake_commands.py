"""Commands that stand in for netsurgery in batches: one that works, and ones that misbehave."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Optional

from netsurgery.zoo import BatchTask, Entry, Reads, TaskLimits, Word, Work, Writes, key_of

BEHAVIOUR = r"""
import json, os, subprocess, sys, time
from pathlib import Path

behaviour, model, out = sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
if "log" in os.environ:
    with open(os.environ["log"], "a") as log:
        log.write(f"{model.name}\n")
(out / "half").write_text("half of it")
if behaviour == "crash":
    print("about to crash", file=sys.stderr, flush=True)
    os.abort()
if behaviour == "hang":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                             start_new_session=True)
    Path(os.environ["pids"]).write_text(f"{os.getpid()} {child.pid}")
    print("waiting for nothing", file=sys.stderr, flush=True)
    time.sleep(600)
if behaviour == "eat":
    child = [bytearray(os.urandom(1 << 20)) for _ in range(400)]
    time.sleep(600)
if behaviour == "feed":  # one that eats by a child that has left it
    eats = "x = [bytearray(os.urandom(1 << 20)) for _ in range(400)]; time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", "import os, time; " + eats], start_new_session=True)
    time.sleep(600)
if behaviour == "leave":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                             start_new_session=True, stdout=2, stderr=2)
    Path(os.environ["pids"]).write_text(str(child.pid))
if behaviour == "rubbish":
    for _ in range(200):
        sys.stdout.buffer.write(b"\x1b[2J\xff\x00" * 20000)
    sys.exit(3)
if behaviour == "refuse":
    print("netsurgery: layer 'x': has no weights", file=sys.stderr)
    sys.exit(2)
if behaviour == "slow":
    time.sleep(float(model.read_text()))
(out / "half").unlink()
if behaviour != "silent":
    costs = {"params": 10, "macs": 20, "bytes": 30}
    record = {
        "before": costs, "after": {**costs, "params": 5}, "notes": [], "rewritten": ["fc_L"],
        "proof": {"unproven": None, "passed": True, "effect": None, "reasons": []},
        "quality": {
            "verdict": "unjudged", "reasons": [],
            "outputs": [
                {"blob": "prob", "kind": "classes", "figure": "agreement", "value": 0.5,
                 "unit": "%", "verdict": "unjudged"},
                {"blob": "more", "kind": "numbers", "figure": None, "value": None,
                 "verdict": "unjudged"},
            ],
        },
    }
    (out / "netsurgery.json").write_text(json.dumps(record))
    (out / "net.caffemodel").write_bytes(model.read_bytes())
"""


def fake_program(folder: Path) -> tuple[str, ...]:
    """A program whose second word says how it behaves: ``work``, ``crash`` and so on."""
    path = folder / "fake.py"
    path.write_text(BEHAVIOUR)
    return sys.executable, str(path)


def words_of(behaviour: str, model: Path) -> tuple[Word, ...]:
    return ("compress", behaviour, Reads(str(model)), Writes())


def task_of(folder: Path, behaviour: str, limits: Optional[TaskLimits] = None) -> BatchTask:
    """A task whose result goes to ``folder/out/net``."""
    model = folder / "model"
    model.write_text("0.1")
    (folder / "out").mkdir(exist_ok=True)
    words = words_of(behaviour, model)
    return BatchTask(
        name="net",
        words=words,
        key=key_of(words, lambda place: Path(place).read_text()),
        folder=str(folder / "out"),
        limits=limits or TaskLimits(),
        program=fake_program(folder),
    )


def work_of(folder: Path, *behaviours: str, **more: Any) -> Work:
    """A batch of as many models, called ``a/0`` and so on, with files of their own."""
    items = []
    for number, behaviour in enumerate(behaviours):
        model = folder / f"model{number}"
        if not model.exists():
            model.write_text(f"0.{number}")
        items.append((Entry(f"a/{number}", model, model), words_of(behaviour, model)))
    return Work("zoo", "compress", tuple(items), program=fake_program(folder), **more)


def index_of(folder: Path) -> Any:
    """What is in the index of a batch."""
    return json.loads((folder / "zoo.json").read_text())
