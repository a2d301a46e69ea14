"""The sections on training say of figures what they are, and a dash where there is none."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
NAMES = ("sparse_mnist", "tuning_cifar", "photos_tuned", "training_cost")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(importlib.import_module("store"), "FOLDER", tmp_path)
    for name in NAMES:
        monkeypatch.setattr(importlib.import_module(f"sections.{name}"), "KNOWN_ONLY", True)


def section(name: str) -> ModuleType:
    return importlib.import_module(f"sections.{name}")


def rows_of(text: str, first: str) -> list[list[str]]:
    """The cells of the rows of tables that begin so."""
    lines = [line for line in text.splitlines() if line.startswith(f"| {first} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize("name", NAMES)
def test_what_was_not_measured_is_a_dash(name: str) -> None:
    text = section(name).write(Path("zoo"), Path("data"))
    figures = [line for line in text.splitlines() if line.startswith("| ")]
    assert any("| - |" in line for line in figures)
    assert "→" not in text


@pytest.mark.usefixtures("scripts")
def test_points_lost_are_those_of_the_better_teaching() -> None:
    module, tuning = section("tuning_cifar"), importlib.import_module("tuning")
    store = importlib.import_module("store").MeasurementStore("tuning_cifar", tuning.TRAINED)
    case = module._Case("cifar10_quick_everpeace", "planner", 0.35)
    store.add([case.net], 0.727)
    store.add(case, 0.3499)
    for taught, after in zip(module.TAUGHT, (0.71, 0.72)):
        store.add([*case, *module._recipe(taught)], [0.7, after, 100, 0.1])
    first, *others = rows_of(module.write(Path("zoo"), Path("data")), case.net)
    assert first == [
        *(case.net, "0.35", "planner", "0.350", "0.7270", "0.7000", "0.7100", "0.7200"),
        "0.7 (0.5)",
    ]
    assert [row[-1] for row in others] == ["- (0.5)", "- (1.5)", "- (1.5)"]


@pytest.mark.usefixtures("scripts")
def test_a_mark_is_held_against_the_original() -> None:
    module, sparse = section("sparse_mnist"), importlib.import_module("sparse")
    bench = sparse.SparseBench({}, None, "sparse_mnist")
    bench._originals.add([sparse.SMALL], 0.9725)
    case = sparse.Case(sparse.SMALL, "lamp", 0.982, sparse.CUBIC)
    bench._store("lamp").add([*case, *module.MARK_RECIPES[sparse.SMALL]], [0.9725, 0.975, 0, 0.1])
    first, *_ = rows_of(module.write(Path("zoo"), Path("data")), sparse.SMALL)
    assert first[:5] == [sparse.SMALL, "1.8 %", "Guo 2016", "0.9725", "-"]
    assert first[5:] == ["0.9750", "-0.25", "-", "-"]


@pytest.mark.usefixtures("scripts")
def test_a_step_is_told_beside_that_of_caffe_alone() -> None:
    module = section("training_cost")
    assert module._cells(module._Step(0.1, 0.104, 0.052)) == [
        *("100.00 ms", "104.00 ms", "+4.0 %", "52.00 ms", "0.50")
    ]
    assert module._cells(module._Step(0.1, 0.104, None))[3:] == ["-", "-"]


@pytest.mark.usefixtures("scripts")
def test_what_tunes_is_not_what_judges(shared: Path) -> None:
    data = importlib.import_module("training_data")
    source = importlib.import_module("zoo_data").ZooData(shared / "data", shared / "zoo")
    nets = {**importlib.import_module("sparse").NETS, **importlib.import_module("smaller").NETS}
    model_of = importlib.import_module("netsurgery.network.model").load
    counts = {}
    for name, net in nets.items():
        folder = source.zoo / net.folder
        model = model_of(folder / net.prototxt, folder / net.weights)
        found = data.training_data(net, model, source)
        counts[name] = len(found.seen), len(found.judged)
        ((blob, judged),) = found.judged.arrays.items()
        height, width = found.augmentation.size(found.seen.arrays[blob].shape[1:])
        assert judged.shape[2:] == (height, width), name
    assert set(counts.values()) == {(8000, 2000), (5000, 3000)}
    pets = data.cats_and_dogs(source, "data")
    assert (len(pets.seen), len(pets.judged)) == (1199, 200)
    seen = {picture.tobytes() for picture in np.asarray(pets.seen.arrays["data"])}
    assert not seen & {picture.tobytes() for picture in np.asarray(pets.judged.arrays["data"])}
