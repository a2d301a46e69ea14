"""``--preset``: written once, used by every command that reads images, and kept in the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from netsurgery.planning import Plan


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Images of the size that the net of these tests takes."""
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
        image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_it_is_kept_in_the_report_and_in_the_plan(
    netsurgery, pair, photos, opencv, tmp_path
) -> None:
    how = ("--preset", "mtcnn", "--raw-scale", "128", "--engine", opencv)
    out, path = tmp_path / "out", tmp_path / "plan.yaml"
    done = netsurgery(
        "compress", *pair, "--rank", "fc6=4", "--inputs", photos, *how, "-o", out, "--json"
    )
    assert done.status in (0, 1), done.err
    report = json.loads(done.out)
    kept = report["plan"]["preprocessing"]
    assert (kept["preset"], kept["overrides"]) == ("mtcnn", ["raw_scale"])
    assert (kept["raw_scale"], kept["mean"]) == (128.0, [127.5])
    assert report["proof"]["effect"]["inputs"]["description"] == (
        "12 images, prepared as mtcnn but for raw_scale"
    )
    budget = ("--macs", "0.7", "--calibrate", photos, "--no-cache", "-o", path)
    done = netsurgery("plan", *pair, *budget, *how)
    assert done.status == 0, done.err
    assert Plan.load(path).preprocessing == kept
    done = netsurgery("apply", path, "--calibrate", photos, *how, "-o", tmp_path / "applied")
    assert done.status == 0, done.err


def test_single_flags_that_say_the_same_give_the_same(
    netsurgery, pair, photos, opencv, tmp_path
) -> None:
    spelt = ("--mean", "127.5", "--input-scale", "0.0078125", "--channel-swap", "0,1,2")
    found = [
        netsurgery("verify", *pair, *pair, "--inputs", photos, *how, "--engine", opencv, "--json")
        for how in (("--preset", "mtcnn"), spelt)
    ]
    reports = [json.loads(one.out) for one in found]
    described = [one["inputs"].pop("description") for one in reports]
    assert described == ["12 images, prepared as mtcnn", "12 images"]
    assert reports[0]["inputs"] == reports[1]["inputs"]
    assert reports[0]["blobs"] == reports[1]["blobs"]


@pytest.mark.parametrize("command", ["compress", "plan", "thin", "rank"])
def test_what_is_no_preset_is_a_line(netsurgery, pair, photos, tmp_path, command) -> None:
    extra = {
        "compress": ("--macs", "0.5", "--calibrate", photos, "-o", tmp_path / "out"),
        "plan": ("--macs", "0.5", "--calibrate", photos),
        "thin": ("--macs", "0.5", "--calibrate", photos, "-o", tmp_path / "out"),
        "rank": ("--inputs", photos),
    }
    done = netsurgery(command, *pair, *extra[command], "--preset", "mtcn")
    assert done.status == 2
    assert "there is no preset 'mtcn'" in done.err
    assert "mtcnn" in done.err


def test_help_lists_the_known_names(netsurgery) -> None:
    done = netsurgery("help", "presets")
    assert done.status == 0
    for name in ("mtcnn", "caffenet", "lenet", "ssd-vgg"):
        assert name in done.out
