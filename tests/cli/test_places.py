"""Where outputs cannot go is known before any work, and missing folders are made."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsurgery.jobs import proving


@pytest.fixture
def no_work(monkeypatch) -> None:
    def fail(*given, **named) -> None:
        raise AssertionError("work was begun")

    monkeypatch.setattr(proving, "operate", fail)
    monkeypatch.setattr("netsurgery.network.model.Prototxt.read", fail)


def lines(pair, place: Path) -> dict[str, list]:
    """Lines with an output below ``place``."""
    out = place.parent / "out"
    return {
        "-o": ["compress", *pair, "--rank", "fc6=4", "-o", place / "out"],
        "thin -o": ["thin", *pair, "--keep", "0.5", "-o", place / "out"],
        "--html": ["compress", *pair, "--rank", "fc6=4", "-o", out, "--html", place / "p.html"],
        "--save-plan": ["thin", *pair, "--keep", "0.5", "-o", out]
        + ["--save-plan", place / "p.yaml"],
        "plan": ["plan", *pair, "--rank", "fc6=4", "-o", place / "p.yaml"],
        "rank": ["rank", *pair, "-o", place / "r.json"],
        "convert": ["convert", pair[1], place / "net.h5"],
        "upgrade": ["upgrade", *pair, "-o", place / "out"],
        "golden": ["verify", *pair, "--save-golden", place / "g.npz"],
        "plot": ["plan", *pair, "--sweep", "0.5:0.9:0.1", "--plot", place / "p.svg"],
    }


KINDS = list(lines(("a", "b"), Path("x")))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("no_work")
def test_a_file_in_the_place_of_a_folder(netsurgery, pair, tmp_path, kind: str) -> None:
    (tmp_path / "file").write_text("")
    done = netsurgery(*lines(pair, tmp_path / "file")[kind])
    assert done.status == 2
    assert "a file is in its place" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("golden", "plot")])
def test_missing_folders_are_made(netsurgery, pair, tmp_path, kind: str) -> None:
    line = lines(pair, tmp_path / "new" / "deep")[kind]
    more = ["--no-verify"] if line[0] in ("compress", "thin") else []
    done = netsurgery(*line, *more)
    assert done.status == 0, done.err
    assert any((tmp_path / "new" / "deep").iterdir())


@pytest.mark.parametrize("kind", ["--html", "--save-plan", "plan", "rank", "convert"])
@pytest.mark.usefixtures("no_work")
def test_a_folder_in_the_place_of_a_file(netsurgery, pair, tmp_path, kind: str) -> None:
    line = lines(pair, tmp_path / "x")[kind]
    Path(line[-1]).mkdir(parents=True)
    done = netsurgery(*line)
    assert done.status == 2
    assert "no regular file" in done.err
