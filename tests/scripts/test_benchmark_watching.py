"""What scripts/benchmark sees of a command, and what it keeps."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from benchmarks import watching
from benchmarks.child import run
from benchmarks.setting import put_in
from benchmarks.sides import digest_of, environment
from benchmarks.watching import members, proportional, watch
from kept import Kept

on_linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no /proc")
HOLDING = 40 << 20


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_a_command_is_told_by_what_it_ended_with_and_wrote() -> None:
    done = watch(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert (done.status, done.stopped, done.output, done.errors) == (3, False, "out\n", "err\n")
    assert done.processor > 0


def test_a_command_has_the_variables_that_it_is_given() -> None:
    done = watch(python("import os; print(os.environ.get('HOME'))"), {"HOME": "here"})
    assert done.output == "here\n"


@on_linux
def test_memory_is_that_of_all_its_processes_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SHARE_OF_SAMPLING", 1)  # looks often, whatever that takes
    # Bytes that nobody shares, held by a child and by its own child at once.
    grandchild = (
        f"kept = b'x' * {HOLDING}; import time; print(len(kept), flush=True); time.sleep(9)"
    )
    program = (
        f"import subprocess, sys, time; kept = b'y' * {HOLDING}\n"
        f"child = subprocess.Popen([sys.executable, '-c', {grandchild!r}], stdout=-1)\n"
        "child.stdout.readline(); time.sleep(0.5); child.kill(); child.wait()"
    )
    memory = watch(python(program)).memory
    assert memory.tree > 2 * HOLDING
    assert HOLDING < memory.own <= memory.resident <= memory.largest < 2 * HOLDING


@on_linux
def test_a_command_is_stopped_with_all_that_it_started() -> None:
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
        "print(child.pid, flush=True); time.sleep(99)"
    )
    done = watch(python(program), limit=1)
    assert done.stopped
    assert done.status < 0
    started = Path(f"/proc/{done.output.strip()}")
    deadline = time.monotonic() + 10  # until whoever adopted it takes note of its end
    while started.exists() and time.monotonic() < deadline:
        if ") Z " in (started / "stat").read_text():
            break
        time.sleep(0.01)
    else:
        assert not started.exists()


def test_a_session_is_found_whatever_its_processes_are_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for process, name, session in ((7, "sh", 7), (8, "a) S (b", 7), (9, "sh", 3)):
        (tmp_path / str(process)).mkdir()
        (tmp_path / str(process) / "stat").write_text(f"{process} ({name}) S 1 7 {session} 0 -1")
        (tmp_path / str(process) / "smaps_rollup").write_text(
            f"00-ff ---p 00000000 00:00 0 [rollup]\nRss: 90 kB\nPss: {process} kB\nPss_Anon: 1 kB\n"
        )
    (tmp_path / "10").mkdir()  # gone between two looks
    monkeypatch.setattr(watching, "PROC", tmp_path)
    assert sorted(members(7)) == [7, 8]
    assert proportional([7, 8, 10]) == 15 * 1024


def test_figures_outlast_an_interruption(tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    kept = Kept(file)
    kept.add(["a", 1], {"seconds": 2})
    kept.add(["b"], [3])
    file.write_text(file.read_text()[:-2])  # cut off as it was written
    again = Kept(file)
    assert again.get(["a", 1]) == {"seconds": 2}
    assert again.get(["b"]) is None
    again.add(["b"], [4])
    again.add(["a", 1], {"seconds": 5})
    assert Kept(file).get(["b"]) == [4]
    assert Kept(file).get(["a", 1]) == {"seconds": 5}


def test_a_build_is_known_by_its_code(tmp_path: Path) -> None:
    package = tmp_path / "netsurgery"
    package.mkdir()
    (package / "a.py").write_text("one = 1")
    (tmp_path / "README.md").write_text("read me")
    before = digest_of(tmp_path)
    (package / "a.pyc").write_bytes(b"compiled")
    (tmp_path / "README.md").write_text("read me again")
    assert digest_of(tmp_path) == before
    (package / "a.py").write_text("one = 2")
    changed = digest_of(tmp_path)
    (package / "a.py").rename(package / "b.py")
    assert len({before, changed, digest_of(tmp_path)}) == 3


def test_a_build_is_run_as_its_user_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    strange = {
        "PYTHONPATH": "/else",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OPENBLAS_CORETYPE": "Haswell",
    }
    for name, value in strange.items():
        monkeypatch.setenv(name, value)
    found = environment(NETSURGERY_CACHE="here")
    assert not strange.keys() & found.keys()
    assert found["NETSURGERY_CACHE"] == "here"
    assert found["PATH"] == os.environ["PATH"]
    told = "import json, os; print(json.dumps(sorted(os.environ)))"
    assert not strange.keys() & set(run([sys.executable, "-c", told]).answer)


def test_a_section_of_a_page_is_made_anew_and_the_rest_stays() -> None:
    page = put_in("# Page\n", "growth", "first")
    page = put_in(f"{page}\n## Below\n", "growth", "second")
    assert page.startswith("# Page\n\n<!-- made: growth -->\n\nsecond\n\n<!-- end: growth -->")
    assert page.endswith("## Below\n")
    assert "first" not in page
    assert put_in("", "a", "x").startswith("<!-- made: a -->")
