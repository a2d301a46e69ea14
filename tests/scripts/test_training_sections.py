"""The sections on training say of figures what they are, and a dash where there is none."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from small_models import make_model

from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model

SCRIPTS = Path(__file__).parents[2] / "scripts"
NAMED = ("ip1", "ip2", "ip3")
NAMES = (
    "sparse_mnist",
    "sparse_cifar",
    "tuning_cifar",
    "thin_width",
    "photos_tuned",
    "cats_and_dogs",
    "training_cost",
)


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
        store.add(module._key(case, taught), [0.7, after, 100, 0.1])
    first, *others = rows_of(module.write(Path("zoo"), Path("data")), case.net)
    assert first == [
        *(case.net, "0.35", "planner", "0.350", "0.7270", "0.7000", "0.7100", "0.7200"),
        "0.7 (0.5)",
    ]
    ways = ["planner", "thin", "Taylor loop"]
    assert [row[2] for row in others] == [*ways[1:], *ways]
    assert [row[-1] for row in others] == ["- (0.5)"] * 2 + ["- (1.5)"] * 3


@pytest.mark.usefixtures("scripts")
def test_a_teacher_alone_is_measured_first_and_the_larger_share() -> None:
    module = section("tuning_cifar")
    cases = [
        module._Case(net, way, share)
        for share in module.ALLOWED
        for way in module.WAYS
        for net in ("a", "b")
    ]
    order = module._order(cases)
    assert len(set(order)) == len(order) == 2 * len(cases)
    told = [(case.share, case.way, taught, case.net) for case, taught in order]
    assert told[:5] == [
        *((0.35, "planner", "teacher", net) for net in "ab"),
        *((0.35, "planner", "labels", net) for net in "ab"),
        (0.35, "thin", "teacher", "a"),
    ]
    assert {share for share, *_ in told[: len(told) // 2]} == {0.35}


@pytest.mark.usefixtures("scripts", "caffe")
def test_the_taylor_loop_ends_at_the_share_and_is_made_once(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, data = importlib.import_module("smaller"), importlib.import_module("training_data")
    for name in ("smaller", "tuning"):
        monkeypatch.setattr(importlib.import_module(name), "FOLDER", tmp_path)
    whole = data.training_data

    def few(*given: object) -> data.TrainingData:
        found = whole(*given)
        return found._replace(seen=found.seen.spread(40))

    monkeypatch.setattr(module, "training_data", few)
    monkeypatch.setattr(module, "ROUND", module.ROUND._replace(steps=1, batch=4))
    source = importlib.import_module("zoo_data").ZooData(shared / "data", shared / "zoo")
    case = module.Smaller("cifar10_quick_everpeace", module.TAYLOR, 0.9)
    made = module.smaller(case, source)
    original = module.NETS[case.net].load(source.zoo)
    share = total_cost(made).macs / total_cost(original).macs
    assert 0.8 < share <= 0.9  # a last channel is a few hundredths of it at most
    assert [layer.name for layer in made.network().layers] == [
        layer.name for layer in original.network().layers
    ]
    monkeypatch.setattr(module, "_in_rounds", None)  # it is read where it is kept
    assert module.smaller(case, source).digest == made.digest
    assert not list((tmp_path / "runs").iterdir())


@pytest.mark.usefixtures("scripts")
def test_a_mark_is_held_against_the_original() -> None:
    module, sparse = section("sparse_mnist"), importlib.import_module("sparse")
    bench = sparse.SparseBench({}, None, "sparse_mnist")
    bench._originals.add([sparse.SMALL], 0.9725)
    recipe = module.MARK_RECIPES[sparse.SMALL]
    for schedule, after in (("cubic", 0.975), ("dynamic", 0.9715)):
        case = sparse.Case(sparse.SMALL, "lamp", 0.982, schedule)
        bench.store(case).add([*case, *recipe], [0.9725, after, 0, 0.1])
    first, *_ = rows_of(module.write(Path("zoo"), Path("data")), sparse.SMALL)
    assert first[:5] == [sparse.SMALL, "1.8 %", "Guo 2016", "0.9725", "-"]
    assert first[5:] == ["0.9750 (-0.25)", "-", "0.9715 (0.10)", "-"]


def known_choice(module: ModuleType, accuracies: list[float]) -> ModuleType:
    """Ways to the farthest mark are known as so good, by the images kept aside."""
    sparse = importlib.import_module("sparse")
    choice = sparse.SparseBench({}, None, "sparse_mnist_choice")
    for (case, recipe), accuracy in zip(module.TRIED, accuracies):
        choice.store(case).add([*case, *recipe], [0.9, accuracy, 0, 0.1])
    return sparse


@pytest.mark.usefixtures("scripts")
def test_a_way_is_chosen_by_the_images_kept_aside() -> None:
    module = section("sparse_mnist")
    others = len(module.TRIED) - 2
    sparse = known_choice(module, [0.97, 0.98, *[0.96] * others])
    bench = sparse.SparseBench({}, None, "sparse_mnist")
    bench._originals.add([sparse.DEEP], 0.987)
    for (case, recipe), judged in zip(module.TRIED, (0.99, 0.985)):  # the first only seems better
        bench.store(case).add([*case, *recipe], [0.9, judged, 0, 0.1])
    text = module.write(Path("zoo"), Path("data"))
    _, table = text.split("| aside | judged |\n")
    ways = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[1:]]
    told = [row[-2:] for row in ways[: len(module.TRIED)]]
    assert told[:2] == [["0.9700", ""], ["0.9800", "0.9850 (0.20)"]]
    assert told[2:] == [["0.9600", ""]] * others


@pytest.mark.usefixtures("scripts")
def test_nothing_is_chosen_before_all_ways_are_known() -> None:
    module = section("sparse_mnist")
    known_choice(module, [0.97])
    rows = rows_of(module.write(Path("zoo"), Path("data")), "lamp")
    assert {row[-1] for row in rows if row[1] in ("cubic", "dynamic")} == {""}


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize("name", ["sparse_mnist", "sparse_cifar"])
def test_a_sweep_tells_what_it_was_before_and_after(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module, sparse = section(name), importlib.import_module("sparse")
    monkeypatch.setattr(importlib.import_module("sparse_tables"), "ROOT", tmp_path)
    bench = sparse.SparseBench({}, None, name)
    sweep = module.SWEEPS[0]
    bench._originals.add([sweep.net], 0.75)
    for sparsity, before, after in ((0.5, 0.74, 0.745), (0.9, 0.3, 0.61)):
        case = sparse.Case(sweep.net, "obs", sparsity)
        bench.store(case).add([*case, *sweep.recipe], [before, after, 0, 0.1])
    text = module.write(Path("zoo"), Path("data"))
    row = next(row for row in rows_of(text, "obs") if "→" in "".join(row))
    told = dict(zip(module.SPARSITIES, row[1:]))
    assert told.pop(0.5) == "0.7400 → 0.7450"
    assert told.pop(0.9) == "0.3000 → 0.6100"
    assert set(told.values()) == {"-"}
    drawn = tmp_path / "docs" / "images" / f"sparse-{sweep.net}.svg"
    assert f"(images/{drawn.name})" in text
    assert "obs" in drawn.read_text()


@pytest.mark.usefixtures("scripts")
def test_scores_are_worked_out_once_for_all_sparsities(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sparse, asked = importlib.import_module("sparse"), []
    source = importlib.import_module("zoo_data").ZooData(shared / "data", shared / "zoo")
    magnitude = type(sparse.saliency("magnitude"))
    scores = magnitude.scores
    monkeypatch.setattr(magnitude, "scores", lambda *given: asked.append(1) or scores(*given))
    monkeypatch.setattr(sparse, "found", lambda case, model, *_, **__: model)
    net = sparse.SparseNet(sparse.NETS[sparse.SMALL], source, judged_by_seen=False)
    recipe = sparse.recipe_of(1, 0.01)
    made = [net.run(sparse.Case(sparse.SMALL, "magnitude", one), recipe) for one in (0.5, 0.9)]
    assert len(asked) == 1
    closed = [sum(int((one.blobs(name)[0].array() == 0).sum()) for name in NAMED) for one in made]
    assert closed == [133100, 239580]  # of 784 x 300, 300 x 100 and 100 x 10
    monkeypatch.setattr(sparse, "found", lambda key, *_, **__: key)
    apart = sparse.SparseNet(sparse.NETS[sparse.SMALL], source, judged_by_seen=True)
    case = sparse.Case(sparse.SMALL, "magnitude", 0.5)
    assert net.run(case, recipe) != apart.run(case, recipe)  # states of runs on other images


@pytest.mark.usefixtures("scripts")
def test_a_sweep_measures_every_method_at_every_sparsity_once() -> None:
    for sweep in (*section("sparse_mnist").SWEEPS, *section("sparse_cifar").SWEEPS):
        cases = sweep.cases
        methods = importlib.import_module("sparse_tables").METHODS
        assert len(set(cases)) == len(cases) == len(methods) * len(sweep.sparsities)
        assert {case.sparsity for case in cases[: len(methods)]} == {0.9}


@pytest.mark.usefixtures("scripts")
def test_each_start_has_the_rate_that_is_best_on_images_kept_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = section("thin_width")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    store = importlib.import_module("store").MeasurementStore("thin_width", module.CODE)
    trial, _ = module.TRIALS
    store.add([trial.net.folder, "original"], 0.9870)
    store.add([trial.net.folder, "left"], [0.318, 0.0134])
    steps = list(range(0, trial.steps + 1, trial.every))
    slow, fast = module.RATES
    for rate, seed, accuracy, aside in (
        (slow, 0, 0.3, 0.4),
        (fast, 0, 0.5, 0.3),
        (slow, 1, 0.4, 0.4),
    ):
        curve = [steps, [accuracy] * len(steps), aside]
        key = [trial.net.folder, module.SOMP, *trial.recipe(rate, seed), trial.every]
        store.add(key, curve)
    text = module.write(Path("zoo"), Path("data"))
    assert "has 32 % of its MACs and 1.3 % of its weights" in text
    row, other = rows_of(text, "SOMP")
    assert row[1:] == ["0.003", *["0.350 (0.300-0.400)"] * len(trial.shown)]
    assert set(other[1:]) == {"-"}
    random, _ = rows_of(text, "random weights")
    assert set(random[1:]) == {"-"}
    assert "SOMP" in (tmp_path / "docs" / "images" / "thin-width-lenet_everpeace.svg").read_text()


@pytest.mark.usefixtures("scripts")
def test_random_weights_are_drawn_as_the_fillers_say() -> None:
    starts = importlib.import_module("starts")
    model = starts.drawn_anew(wide(), 0)
    weights, bias = (blob.array() for blob in model.blobs("fc"))
    assert weights.std() == pytest.approx(np.sqrt(2 / 400), rel=0.03)  # of 8,000 numbers
    assert not bias.any()
    assert not np.array_equal(weights, starts.drawn_anew(wide(), 1).blobs("fc")[0].array())


def wide() -> Model:
    text = 'input: "x" input_shape { dim: 1 dim: 400 }\nlayer { name: "fc" type: "InnerProduct" '
    text += 'bottom: "x" top: "fc" inner_product_param { num_output: 20 } }'
    return make_model(text, {"fc": [np.ones((20, 400)), np.ones(20)]})


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
        ways = data.with_judges_of_seen(found)
        assert len(ways.seen) + len(ways.judged) == len(found.seen)
        shares = np.bincount(ways.judged.labels) / np.bincount(found.seen.labels)
        assert (abs(shares - 0.25) < 0.01).all(), name
        ((_, aside),) = ways.judged.arrays.items()
        assert aside.shape[2:] == (height, width), name
    assert set(counts.values()) == {(8000, 2000), (5000, 3000)}
    pets = [data.cats_and_dogs(source, "data", part) for part in range(data.PARTS)]
    assert (len(pets[0].seen), len(pets[0].judged)) == (1199, 200)
    judges = []
    for part in pets:
        seen, judged = (
            [picture.tobytes() for picture in np.asarray(one.arrays["data"])]
            for one in (part.seen, part.judged)
        )
        assert not set(seen) & set(judged)
        judges += judged
    assert sorted(judges) == sorted([*seen, *judged])  # each judges once
    file = np.load(source.data / "dogs_cats_64.npz")
    named = file["labels"][np.sort(file["test_index"])]
    assert np.array_equal(pets[0].judged.labels, named)


@pytest.mark.usefixtures("scripts")
def test_cats_and_dogs_are_of_all_parts_that_are_known() -> None:
    module, tuning = section("cats_and_dogs"), importlib.import_module("tuning")
    assert set(tuning.TRAINED) < set(module.CODE)
    store = importlib.import_module("store").MeasurementStore("cats_and_dogs", module.CODE)
    for part, right in enumerate(([150, 140, 145], [160, 150, 159])):
        found = module.Part(200, right, 0.33, 0.21, [400_000, 90_000], [8e-4, 4e-4], 7 + part)
        store.add([*module.KEY, part], found)
    text = module.write(Path("zoo"), Path("data"))
    before, pruned, tuned = (rows_of(text, stage)[0][1:] for stage in module.STAGES)
    assert before == ["77.5 ± 2.1 %", "", "100.0 %", "100.0 %", "400,000", "0.00080"]
    assert pruned[:3] == ["72.5 ± 2.2 %", "5.0 ± 0.0", "33.0 %"]
    assert tuned == ["76.0 ± 2.1 %", "1.5 ± 1.0", "33.0 %", "21.0 %", "90,000", "0.00040"]
    assert "2 of 7 parts, in 7 to 8 rounds; one part of 200 images alone" in text
    assert "a standard error of 3.1 points" in text


@pytest.mark.usefixtures("scripts")
def test_the_net_that_is_transferred_has_a_classifier_of_its_own() -> None:
    random = np.random.RandomState(0)
    text = """
    input: "data" input_dim: 1 input_dim: 3 input_dim: 4 input_dim: 4
    layers { name: "pool3" type: POOLING bottom: "data" top: "pool3"
             pooling_param { pool: AVE kernel_size: 2 stride: 2 } }
    layers { name: "ip1" type: INNER_PRODUCT bottom: "pool3" top: "ip1"
             inner_product_param { num_output: 10 } }
    layers { name: "prob" type: SOFTMAX bottom: "ip1" top: "prob" }
    layers { name: "other" type: INNER_PRODUCT bottom: "pool3" top: "other"
             inner_product_param { num_output: 2 } }
    """
    blobs = {
        name: [random.normal(size=(n, 12)), np.zeros(n)] for name, n in (("ip1", 10), ("other", 2))
    }
    made = section("cats_and_dogs").two_classes(make_model(text, blobs, "V1"), 3)
    assert [layer.name for layer in made.network().layers if made.blobs(layer.name)] == [
        "pets",
        "other",
    ]
    assert made.blobs("pets")[0].shape == (2, 12)
    assert 0 < np.abs(made.blobs("pets")[0].array()).max() < 0.1
    assert "ip1" not in made.weights
    assert b'bottom: "pets"' in made.prototxt.data
