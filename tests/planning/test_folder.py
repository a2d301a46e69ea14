"""A folder that holds another net's pair is left as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_models import two_layers

from netsurgery.errors import FormatError
from netsurgery.network import Model, load
from netsurgery.planning.folder import RECORD, refuse_another
from netsurgery.planning.plan import identify


def saved(folder: Path, seed: int) -> Model:
    folder.mkdir()
    return load(*two_layers(seed).save(folder / "net.prototxt", folder / "net.caffemodel"))


def write_record(folder: Path, model: Model) -> None:
    (folder / RECORD).write_text(json.dumps({"inputs": identify(model)}))


def test_an_empty_folder_and_none_are_free(tmp_path: Path) -> None:
    model = saved(tmp_path / "in", 1)
    refuse_another(tmp_path / "none", model)
    (tmp_path / "out").mkdir()
    refuse_another(tmp_path / "out", model)


def test_the_record_says_whose_pair_it_is(tmp_path: Path) -> None:
    model, other = saved(tmp_path / "in", 1), saved(tmp_path / "out", 2)
    write_record(tmp_path / "out", model)
    refuse_another(tmp_path / "out", model)
    write_record(tmp_path / "out", other)
    with pytest.raises(FormatError, match="made of other files") as told:
        refuse_another(tmp_path / "out", model)
    assert str(told.value.file).endswith(RECORD)
    (tmp_path / "out" / RECORD).write_text("{")
    with pytest.raises(FormatError, match="made of other files"):
        refuse_another(tmp_path / "out", model)


def test_without_a_record_the_same_pair_may_be_written_again(tmp_path: Path) -> None:
    model, there = saved(tmp_path / "in", 1), saved(tmp_path / "out", 2)
    with pytest.raises(FormatError, match="is there already") as told:
        refuse_another(tmp_path / "out", model)
    assert Path(str(told.value.file)) == tmp_path / "out" / "net.prototxt"
    refuse_another(tmp_path / "out", model, there)
    with pytest.raises(FormatError, match="is there already"):
        refuse_another(tmp_path / "out", model, two_layers(3))


def test_another_text_or_no_weights_beside_it_are_not_the_same(tmp_path: Path) -> None:
    model, there = saved(tmp_path / "in", 1), saved(tmp_path / "out", 2)
    text = tmp_path / "out" / "net.prototxt"
    text.write_bytes(text.read_bytes() + b"# another\n")
    with pytest.raises(FormatError, match="is there already"):
        refuse_another(tmp_path / "out", model, there)
    text.write_bytes(there.prototxt.data)
    (tmp_path / "out" / "net.caffemodel").unlink()
    with pytest.raises(FormatError, match="is there already"):
        refuse_another(tmp_path / "out", model, there)


def test_the_original_is_never_written_over(tmp_path: Path) -> None:
    model = saved(tmp_path / "in", 1)
    write_record(tmp_path / "in", model)
    with pytest.raises(FormatError, match="original"):
        refuse_another(tmp_path / "in", model)
