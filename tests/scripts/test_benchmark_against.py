"""scripts/benchmark --against: what is measured when, and what is said of it."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator

import numpy as np
import pytest
from benchmarks import against
from benchmarks.against import Table
from benchmarks.comparison import bench as bench_module
from benchmarks.comparison.bench import Bench, Command, Measured, NotHereError, Row, faster, median
from benchmarks.comparison.judged_nets import Losses, apart, more_lost
from benchmarks.setting import Setting
from benchmarks.sides import Side
from benchmarks.vgg16 import Vgg16

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "benchmark"
COMMAND = Command("job", "the job", ["work", "-o", "{out}/plan"])


def side(folder: Path, name: str, program: str) -> Side:
    """A build whose command line is a program of the shell; what it was called with is noted."""
    place = folder / name
    place.mkdir()
    file = place / "netsurgery"
    file.write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/calls\n{program}\n')
    file.chmod(0o755)
    return Side(name, place / "python", f"digest-of-{name}")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    # A test runs beside others, which must not make its figures useless.
    monkeypatch.setattr(bench_module, "NOISE", 1e9)
    setting = Setting(Vgg16(), tmp_path / "work", None, 1)
    writes = 'echo plan > "$3"'
    return Bench(
        *(side(tmp_path, "ours", writes), side(tmp_path, "theirs", writes), setting),
        *(tmp_path / "data", tmp_path / "prototxts.tar.xz"),
    )


def calls(tmp_path: Path) -> list[str]:
    return [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()]


def test_this_build_comes_first_and_what_was_measured_is_kept(tmp_path: Path, bench: Bench) -> None:
    found = bench.both(COMMAND)
    assert calls(tmp_path) == ["ours", "theirs"]
    assert (bench.folder(bench.ours, COMMAND) / "plan").read_text() == "plan\n"
    assert bench.both(COMMAND) == found
    assert calls(tmp_path) == ["ours", "theirs"]


@pytest.mark.parametrize(
    "change",
    [
        {"ours": "digest"},
        {"command": COMMAND._replace(words=["other", "-o", "{out}/plan"])},
        {"busy": True},
        {"turns": 3},
    ],
    ids=str,
)
def test_what_differs_is_measured_anew(tmp_path: Path, bench: Bench, change: dict) -> None:
    bench.measured(bench.ours, COMMAND)
    build = bench.ours._replace(digest="another") if change.pop("ours", None) else bench.ours
    command = change.pop("command", COMMAND)
    if change.get("busy"):
        bench = replace(bench, ours=bench.ours._replace(python=Path(sys.executable)))
    bench.measured(build, command, **change)
    assert len(calls(tmp_path)) == 1 + change.get("turns", 1)


def test_a_figure_without_its_files_is_made_anew(tmp_path: Path, bench: Bench) -> None:
    bench.measured(bench.ours, COMMAND)
    (bench.folder(bench.ours, COMMAND) / "plan").unlink()
    bench.folder(bench.ours, COMMAND).rmdir()
    bench.measured(bench.ours, COMMAND)
    assert len(calls(tmp_path)) == 2


def test_times_of_a_busy_machine_are_used_again_only_on_request(
    tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_module, "NOISE", -1)  # of which any machine has more
    bench.measured(bench.ours, COMMAND)
    bench.measured(bench.ours, COMMAND)
    assert len(calls(tmp_path)) == 2
    bench.measured(bench.ours, COMMAND, quiet=False)
    replace(bench, noisy=True).measured(bench.ours, COMMAND)
    assert len(calls(tmp_path)) == 2


def test_the_other_build_is_stopped_where_enough_is_known(tmp_path: Path, bench: Bench) -> None:
    slow = side(tmp_path, "slow", "exec sleep 60")
    ours, theirs = replace(bench, theirs=slow).both(COMMAND, wanted=2)
    assert (ours.stopped, theirs.stopped) == (False, True)
    assert theirs.seconds >= 1.5 * 2 * ours.seconds
    row = faster(COMMAND, ours, theirs, 2)
    assert row.reached
    assert row.ratio.startswith("at least ")
    assert row.theirs.startswith("more than ")


def test_a_figure_that_was_stopped_early_is_no_use_for_a_longer_limit(
    tmp_path: Path, bench: Bench
) -> None:
    slow = side(tmp_path, "slow", 'sleep 0.3; echo plan > "$3"')
    assert bench.measured(slow, COMMAND, limit=0.05).stopped
    assert bench.measured(slow, COMMAND, limit=0.05).stopped
    assert len(calls(tmp_path)) == 1
    assert not bench.measured(slow, COMMAND).stopped


def test_a_verdict_is_no_failure_and_a_failure_names_the_command(
    tmp_path: Path, bench: Bench
) -> None:
    assert not bench.measured(side(tmp_path, "lost", "exit 1"), COMMAND).stopped
    with pytest.raises(SystemExit, match=r"broken: netsurgery work -o .* ended with 2:\nwhy"):
        bench.measured(side(tmp_path, "broken", "echo why >&2; exit 2"), COMMAND)


def measured(seconds: float, **more: Any) -> Measured:
    return Measured(seconds, seconds, 10, 20, 0.0, **more)


@pytest.mark.parametrize(("theirs", "reached"), [(100.0, True), (99.0, False)])
def test_a_ratio_is_held_against_what_was_asked(theirs: float, reached: bool) -> None:
    row = faster(COMMAND, measured(10), measured(theirs), 10)
    assert row.reached is reached
    assert row.ratio == f"{theirs / 10:.1f} times faster"
    assert faster(COMMAND, measured(10), measured(theirs), None).reached is None


def test_the_median_of_turns_counts() -> None:
    assert median([measured(3), measured(1), measured(2)]) == measured(2)
    assert median([measured(3), measured(1, stopped=True)]).stopped


YES = Row("quick", "9 s", "1 s", "9 times", "8 times", True, "a note")
NO = YES._replace(job="slow", reached=False, note="")
SKIPPED = YES._replace(job="absent", reached=None, note="")
TOLD = SKIPPED._replace(job="told", asked="")


def test_the_table_says_what_is_reached() -> None:
    text = Table([YES, NO, SKIPPED, TOLD], "abc1234", "this tree").markdown()
    head, _, *lines = [line for line in text.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in head.split("|")[2:4]] == ["abc1234", "this tree"]
    ends = [line.split("|")[-2].strip() for line in lines]
    assert ends == ["yes", "**no**", "not measured", ""]
    assert "**1 of 2 reached, 1 not measured.**" in text
    assert text.endswith("- a note")


@pytest.fixture
def script() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("benchmark_script", str(SCRIPT))
    spec = importlib.util.spec_from_loader("benchmark_script", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("rows", "status"),
    [([YES, SKIPPED, TOLD], 0), ([YES, NO], 1), ([SKIPPED], 2)],
    ids=["reached", "not reached", "nothing measured"],
)
def test_the_exit_status_says_whether_all_is_reached(
    rows: list[Row],
    status: int,
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(script, "unpack", lambda *_: "theirs")
    monkeypatch.setattr(
        script, "build", lambda _: side(tmp_path, f"s{len(list(tmp_path.iterdir()))}", "")
    )
    monkeypatch.setattr(against, "compare", lambda *_: iter(rows))
    page = tmp_path / "page.md"
    words = ["benchmark", "--against", "HEAD", "--only", "thin", "--markdown", str(page)]
    monkeypatch.setattr(sys, "argv", words)
    assert script.main() == status
    said = capsys.readouterr()
    assert said.err.startswith("benchmark: about 2 minutes")
    assert rows[0].job in said.out
    assert rows[0].job in page.read_text()


def test_what_is_not_here_is_skipped_with_a_word(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Absent:
        MINUTES = 1.0

        def measure(self, _: Bench) -> Iterator[Row]:
            yield YES
            raise NotHereError("the net is not here")

    monkeypatch.setattr(against, "job_named", lambda _: Absent())
    first, second = against.compare(bench, ["thin"])
    assert first == YES
    assert second.reached is None
    assert second.note == "thin: skipped, as the net is not here."


@pytest.mark.parametrize("name", against.JOBS)
def test_every_job_says_how_long_it_takes_and_can_be_missing(name: str, bench: Bench) -> None:
    job = against.job_named(name)
    assert 0 < job.MINUTES < 30
    # Nothing of what jobs of real nets need is in an empty folder.
    if name not in ("start", "in_place"):
        bench.setting.work.mkdir()
        rows = list(
            against.compare(replace(bench, setting=replace(bench.setting, zoo=bench.data)), [name])
        )
        assert rows
        assert {row.reached for row in rows} == {None}
        assert any("not here" in row.note for row in rows)


def test_what_cannot_be_measured_ends_with_two() -> None:
    for words in (["--against", "no-such-branch"], ["--against", "HEAD", "--only", "fc"]):
        command = [sys.executable, str(SCRIPT), *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2
        assert "no-such-branch" in done.stderr or "is not one of start" in done.stderr


def test_patience_below_one_is_refused() -> None:
    command = [sys.executable, str(SCRIPT), "--against", "HEAD", "--patience", "0.5"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "could not tell whether enough is reached" in done.stderr


def losses(lost: list[float], clusters: list[int], whole: float = 0) -> Losses:
    return Losses(np.array(lost), whole or len(lost), np.array(clusters))


def test_more_lost_is_a_paired_difference_with_the_error_of_independent_draws() -> None:
    random = np.random.default_rng(0)
    old, new = (random.integers(0, 2, 50).astype(float) for _ in range(2))
    each = list(range(50))
    more, error = more_lost(losses(list(old), each), losses(list(new), each))
    # The textbook's mean of differences and its standard error.
    assert more == pytest.approx((new - old).mean())
    assert error == pytest.approx((new - old).std(ddof=1) / np.sqrt(50))


def test_inputs_of_one_photo_are_one_draw() -> None:
    # Each photo shown twice says the same twice: the error must be that of the photos alone.
    alone = more_lost(losses([0, 1, 0, 0], [0, 1, 2, 3]), losses([1, 1, 0, 1], [0, 1, 2, 3]))
    twice = more_lost(
        losses([0, 1, 0, 0] * 2, [0, 1, 2, 3] * 2), losses([1, 1, 0, 1] * 2, [0, 1, 2, 3] * 2)
    )
    assert twice == pytest.approx(alone)
    assert more_lost(losses([0], [0]), losses([1], [0]))[1] == np.inf
    assert more_lost(losses([1, 0], [0, 1]), losses([1, 0], [0, 1])) == (0, 0)


def test_lost_are_classes_that_changed_and_detections_missing_or_new() -> None:
    clusters = np.array([0, 1])
    before = {"prob": np.array([[0.9, 0.1], [0.2, 0.8]])}
    after = {"prob": np.array([[0.8, 0.2], [0.6, 0.4]])}
    assert apart(before, after, clusters).lost.tolist() == [0, 1]
    # Image, label, score, corners: one is found again, one is missing, one is new, one is unsure.
    old = np.array([[0, 1, 0.9, 0, 0, 1, 1], [1, 1, 0.9, 0, 0, 1, 1]])
    new = np.array(
        [[0, 1, 0.8, 0, 0, 1, 1], [1, 1, 0.9, 5, 5, 6, 6], [0, 1, 0.2, 3, 3, 4, 4]],
    )
    found = apart({"DetectionOutput": old}, {"DetectionOutput": new}, clusters)
    assert found.lost.tolist() == [0, 2]
    assert found.share == 1.0
