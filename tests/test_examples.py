from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def run(python: str, name: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [python, str(EXAMPLES / name), str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_run_here() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")}
    assert names == {
        *("compress_a_model.py", "choose_ranks.py", "from_a_live_net.py", "thin_a_model.py"),
    }


def test_compress_a_model(tmp_path: Path, caffe_python: str) -> None:
    lines = run(sys.executable, "compress_a_model.py", tmp_path).splitlines()
    first = (EXAMPLES / "digits" / "deploy.prototxt").read_text().splitlines()[0]
    assert lines[2] == first
    assert lines[3].startswith("passed with an error of 0.")


def test_choose_ranks(tmp_path: Path) -> None:
    lines = run(sys.executable, "choose_ranks.py", tmp_path).splitlines()
    assert lines[0].startswith("fc3: 192x512, saves up to rank 139, which keeps 0.")
    assert [line.split(":")[0] for line in lines] == ["fc3", "fc4", "fc5"]


def test_from_a_live_net_in_one_interpreter_with_pycaffe(tmp_path: Path, caffe_python: str) -> None:
    lines = run(caffe_python, "from_a_live_net.py", tmp_path).splitlines()
    assert lines == ["(16, 512) (192, 16)", "bias kept: True"]


def test_thin_a_model(tmp_path: Path, caffe_python: str) -> None:
    lines = run(sys.executable, "thin_a_model.py", tmp_path).splitlines()
    assert [line.split()[:2] for line in lines[:3]] == [
        ["thin", n] for n in ("conv1", "conv2", "fc3")
    ]
    share, accuracy = lines[-1].split(" of the MACs, accuracy ")
    assert float(share.rstrip("%")) <= 50
    assert float(accuracy) > 0.98  # 0.9911 before: five of the 450 digits may be lost
