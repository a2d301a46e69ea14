"""``netsurgery zoo init`` and ``zoo list``: the models of a folder or of a manifest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from command_line import tables_in
from web import Web

from netsurgery.cli._zoo_run import read_models
from netsurgery.zoo import read_manifest


@pytest.fixture
def models(pair: tuple[Path, Path]) -> Path:
    """A folder with a model, a text to train by that is broken, and notes."""
    folder = pair[0].parent
    (folder / "train.prototxt").write_text("layer {")
    (folder / "notes.txt").write_text("hello")
    return folder


def test_a_folder_is_listed(netsurgery, models: Path) -> None:
    run = netsurgery("zoo", "list", models)
    assert run.status == 0
    ((row,),) = tables_in(run.out)
    assert row["model"] == "net"
    assert (row["prototxt"], row["weights"]) == ("deploy.prototxt", "net.caffemodel")
    assert "left out: train.prototxt: line 1" in run.out
    assert run.out.endswith(f"1 model in {models}; 1 left out\n")


def test_what_is_listed_is_data_too(netsurgery, models: Path) -> None:
    data = json.loads(netsurgery("zoo", "list", models, "--json").out)
    assert data["source"] == str(models)
    assert data["models"] == [
        {
            "name": "net",
            "prototxt": str(models / "deploy.prototxt"),
            "weights": str(models / "net.caffemodel"),
        }
    ]
    assert [one["path"] for one in data["skipped"]] == [str(models / "train.prototxt")]


def test_a_manifest_is_written_and_listed(netsurgery, models: Path) -> None:
    run = netsurgery("zoo", "init", models)
    assert run.status == 0
    path = models / "manifest.yaml"
    assert f"wrote {path}; see what it says, then: netsurgery zoo run {path} -o OUT" in run.out
    assert [entry.name for entry in read_manifest(path).entries] == ["net"]
    assert tables_in(netsurgery("zoo", "list", path).out)[0][0]["model"] == "net"
    again = netsurgery("zoo", "init", models)
    assert again.status == 2
    assert again.err == (
        f"netsurgery: {path}: is there already, and may hold what somebody wrote; "
        "write another file, or --force\n"
    )
    data = json.loads(netsurgery("zoo", "init", models, "--force", "--json").out)
    assert data["manifest"] == str(path)
    assert len(data["models"]) == 1


def test_what_is_wrong_with_a_manifest_is_one_line(netsurgery, models: Path) -> None:
    path = models / "zoo.yaml"
    path.write_text("models:\n- model: deploy.prototxt\n  weight: net.caffemodel\n")
    run = netsurgery("zoo", "list", path)
    assert run.status == 2
    assert run.err == (f"netsurgery: {path}:3: a model has no 'weight'; did you mean 'weights'?\n")


def test_a_source_without_models_fails_and_one_that_is_none_could_not_run(
    netsurgery, models: Path, tmp_path: Path
) -> None:
    shutil.rmtree(models)
    models.mkdir()
    assert netsurgery("zoo", "list", models).status == 1
    run = netsurgery("zoo", "list", tmp_path / "no.txt")
    assert run.status == 2
    assert "no.txt: is not there; give a folder with models, or a manifest.yaml" in run.err
    assert netsurgery("zoo", "init", tmp_path / "no").status == 2


def test_what_is_run_is_downloaded_first_and_what_is_listed_is_not(
    netsurgery, models: Path
) -> None:
    data = (models / "net.caffemodel").read_bytes()
    (models / "net.caffemodel").unlink()
    web = Web()
    web.answer = lambda asked: asked.give(200, data)
    readme = models / "readme.md"
    readme.write_text(f"---\ncaffemodel: net.caffemodel\ncaffemodel_url: {web.url}\n---\n")
    try:
        listed = netsurgery("zoo", "list", readme)
        assert listed.status == 1
        assert f"is not there yet; `netsurgery zoo run` downloads it from {web.url}" in listed.out
        assert not web.ranges
        (entry,) = read_models(readme).entries
    finally:
        web.shutdown()
        web.server_close()
    assert (models / "net.caffemodel").read_bytes() == data
    assert entry.source == web.url
