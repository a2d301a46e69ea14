"""Which models are taken to take longer than others."""

from __future__ import annotations

from pathlib import Path

from small_models import two_layers

from netsurgery import inspect
from netsurgery.zoo import Entry
from netsurgery.zoo.effort import effort_of


def test_it_is_the_macs_of_a_model(tmp_path: Path) -> None:
    model = two_layers()
    pair = model.save(tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
    assert effort_of(Entry("net", *map(Path, pair))) == inspect(model).totals.macs


def test_it_is_the_size_of_what_cannot_be_read(tmp_path: Path) -> None:
    spoilt = tmp_path / "net.caffemodel"
    spoilt.write_bytes(b"x" * 100)
    assert effort_of(Entry("net", tmp_path / "none.prototxt", spoilt)) == 100
    assert effort_of(Entry("net", tmp_path / "none.prototxt", tmp_path / "none")) == 0
