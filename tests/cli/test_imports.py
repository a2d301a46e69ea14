"""What a command imports: its start is most of what a small job takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
PAIR = [str(DIGITS / "deploy.prototxt"), str(DIGITS / "digits.caffemodel")]
PLAN = "edits:\n- {layer: fc3, method: svd, rank: 48}\n"

PROGRAM = """
import runpy, sys
try: runpy.run_module("netsurgery", run_name="__main__")
except SystemExit as end: assert not end.code, end.code
print(*sys.modules)
"""
# Rooms whose work none of these commands does.
RUNNING = [f"netsurgery.{room}" for room in ("engine", "calibration", "verification")]
SLOW = ["scipy", "rich", "h5py", "cv2", "lmdb", "concurrent", "importlib.metadata"]
SLOW += ["socket", "subprocess", "traceback", "statistics"]
# What reads weights and adds up costs needs nothing of what writes, rewrites and digests.
REWRITING = [f"netsurgery.methods.{module}" for module in ("exchange", "pieces", "prediction")]
REWRITING += ["netsurgery.network.edits", "netsurgery.formats.prototxt.template"]
REWRITING += ["netsurgery.network.stock", "netsurgery.formats.upgrade.upgrade"]
WRITING = [f"netsurgery.formats.{module}" for module in ("atomic", "half", "hdf5", "scratch")]
WRITING += ["netsurgery.formats.caffemodel.writer", "netsurgery.measurements", "hashlib", "json"]
FACTORING = [f"netsurgery.linalg.{module}" for module in ("svd", "subspace", "tucker", "residual")]
CHECKS = [f"netsurgery.network.doctor.{module}" for module in ("text_checks", "network_checks")]
OTHER_TYPES = ["netsurgery.layers.lstm", "netsurgery.layers.proposal", "netsurgery.layers.bn"]


def imported(folder: Path, *arguments: str) -> set[str]:
    (folder / "plan.yaml").write_text(PLAN)
    program = f"import sys; sys.argv[1:] = {list(arguments)!r}\n{PROGRAM}"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=folder
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("arguments", "also_without"),
    [
        (["--help"], ["numpy", "google.protobuf", "yaml", "netsurgery.network"]),
        (["inspect", "--help"], ["numpy", "google.protobuf", "netsurgery.network"]),
        (
            ["inspect", *PAIR],
            [
                *("yaml", "numpy.ma", "netsurgery.planning", "netsurgery.criteria"),
                *(*REWRITING, *WRITING, *FACTORING, *CHECKS),
            ],
        ),
        (["doctor", *PAIR], ["yaml", "netsurgery.planning", "netsurgery.methods"]),
        (["channels", PAIR[0]], ["yaml", "netsurgery.planning", "netsurgery.methods"]),
        (["explain", "plan.yaml"], ["netsurgery.criteria", "netsurgery.surgery"]),
    ],
    ids=["help", "help-of-inspect", "inspect", "doctor", "channels", "explain"],
)
def test_a_command_imports_what_it_needs(
    tmp_path: Path, arguments: list[str], also_without: list[str]
) -> None:
    found = imported(tmp_path, *arguments)
    needless = {*SLOW, *RUNNING, *OTHER_TYPES, *also_without}
    assert needless & found == set()


def test_an_inspection_imports_the_layer_types_that_the_net_has(tmp_path: Path) -> None:
    found = imported(tmp_path, "inspect", *PAIR)
    assert "netsurgery.layers.inner_product" in found
    assert not {"netsurgery.layers.eltwise", "netsurgery.layers.prelu"} & found


def test_a_net_without_inputs_is_inspected_all_the_same(tmp_path: Path) -> None:
    """How long that takes is told before: for that, too, nothing of a run is needed."""
    found = imported(tmp_path, "inspect", str(DIGITS / "train_val.prototxt"), PAIR[1])
    assert "netsurgery.calibration" not in found


def test_a_start_looks_for_no_garbage() -> None:
    """It makes modules, which stay: looking through them was a fifth of a short command."""
    program = (
        "import atexit, gc, sys\nfrom netsurgery.cli import main\n"
        # What is registered first is called last.
        "atexit.register(lambda: print(gc.get_freeze_count() > len(sys.modules)))\n"
        "count = lambda: sum(one['collections'] for one in gc.get_stats())\n"
        "before, threshold = count(), gc.get_threshold()\n"
        f"try: main({['inspect', *PAIR]!r})\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(count() - before, gc.get_threshold() == threshold)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    collections, restored, frozen = run.stdout.split()[-3:]
    assert int(collections) <= 1  # which may have been due before
    assert restored == frozen == "True"
