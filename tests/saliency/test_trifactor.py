"""What the factors common to all layers say of each weight."""

from __future__ import annotations

from typing import Any, Dict, Sequence

import numpy as np
import pytest
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, line
from small_models import make_model

from netsurgery.errors import PlanError
from netsurgery.linalg import Pattern, choose_open
from netsurgery.network import Model, ParameterKey, canonical_weights, prunable, with_masks
from netsurgery.saliency import PrunableNet, saliency
from netsurgery.saliency.trifactor import explained

NAMES = ("trifactor", "trifactor-magnitude", "trifactor-normalised", "trifactor-unexplained")


def declared(*dims: int) -> str:
    shape = " ".join(f"dim: {dim}" for dim in dims)
    return line("Input", "x", [], ["x"], f"input_param {{ shape {{ {shape} }} }}")


def product(name: str, bottom: str, outputs: int) -> str:
    body = f"inner_product_param {{ num_output: {outputs} bias_term: false }}"
    return line("InnerProduct", name, [bottom], [name], body)


def perceptron(weights: Sequence[np.ndarray]) -> Model:
    """Layers with ReLUs between, of the weights given."""
    text, bottom = declared(1, weights[0].shape[1]), "x"
    for number, matrix in enumerate(weights):
        text += product(f"p{number}", bottom, len(matrix))
        bottom = f"p{number}"
        if number < len(weights) - 1:
            text += line("ReLU", f"r{number}", [bottom], [bottom])
    return make_model(
        text, {f"p{number}": [one.astype(np.float32)] for number, one in enumerate(weights)}
    )


def picture_net() -> Model:
    text = declared(1, 3, 6, 6)
    text += line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 8 pad: 1")
    text += line("Convolution", "b", ["a"], ["b"], CONVOLUTION % "num_output: 8 pad: 1")
    text += line("Eltwise", "s", ["a", "b"], ["s"])
    text += line("Convolution", "d", ["s"], ["d"], CONVOLUTION % "num_output: 8 group: 8")
    text += line("Convolution", "e", ["s"], ["e"], CONVOLUTION % "num_output: 4 group: 2")
    text += line("Concat", "j", ["d", "e"], ["j"])
    text += product("f", "j", 10) + line("ReLU", "r", ["f"], ["f"]) + product("o", "f", 3)
    return with_random_weights(text)


def ranking(model: Model, name: str, **how: Any) -> Dict[ParameterKey, np.ndarray]:
    return saliency(name).ranking(PrunableNet(model, prunable(model), **how), together=True)


def random_perceptron(seed: int = 0) -> list[np.ndarray]:
    random = np.random.RandomState(seed)
    return [random.randn(12, 10), random.randn(8, 12), random.randn(3, 8)]


@pytest.mark.parametrize("name", NAMES)
def test_every_weight_of_every_layer_gets_a_score(name: str) -> None:
    model = picture_net()
    found = ranking(model, name)
    assert list(found) == [(layer, 0) for layer in ("a", "b", "d", "e", "f", "o")]
    for (layer, _), scores in found.items():
        assert scores.shape == model.blobs(layer)[0].shape
        assert (scores >= 0).all()
        assert np.isfinite(scores).all()


def planted(outliers: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Layers that two groups of hidden units make, and one with some weights beside that."""
    random = np.random.RandomState(0)
    groups = np.zeros((40, 2))
    groups[range(40), np.arange(40) % 2] = random.uniform(0.5, 1.5, 40)
    first, last = groups @ random.randn(2, 30), random.randn(20, 2) @ groups.T
    places = random.choice(first.size, outliers, replace=False)
    first.reshape(-1)[places] += 3 * np.abs(first).max()
    return [first, last], places


def test_what_groups_do_not_explain_goes_first() -> None:
    weights, places = planted(6)
    scores = ranking(perceptron(weights), "trifactor-unexplained", options={"rank": 0.05})["p0", 0]
    assert set(np.argsort(scores, axis=None)[:6]) == set(places)


def test_magnitude_is_that_of_what_groups_explain() -> None:
    weights, places = planted(6)
    model = perceptron(weights)
    scores = ranking(model, "trifactor-magnitude", options={"rank": 0.05})["p0", 0]
    kept = np.delete(np.arange(scores.size), places)
    clean, _ = planted(0)
    # A few large weights among 1,200 draw the groups a little: the order of the rest is theirs.
    order = np.corrcoef(scores.ravel()[kept], np.abs(clean[0]).ravel()[kept])[0, 1]
    assert order > 0.9
    magnitudes = np.abs(weights[0]).ravel()[places]
    assert scores.ravel()[places].max() < magnitudes.min() / 2


@pytest.mark.parametrize("name", NAMES)
def test_scales_under_which_the_net_computes_the_same_change_no_choice(name: str) -> None:
    weights = random_perceptron()
    random = np.random.RandomState(9)
    other = [matrix.copy() for matrix in weights]
    for made, read in zip(other, other[1:]):
        # Powers of two, so that no weight is rounded.
        scales = 2.0 ** random.randint(-3, 4, len(made))
        made *= scales[:, None]
        read /= scales
    masks = [
        choose_open(list(ranking(perceptron(each), name).values()), 0.7, Pattern(), together=True)
        for each in (weights, other)
    ]
    for first, second in zip(*masks):
        assert np.array_equal(first, second)


@pytest.mark.parametrize("name", ["trifactor", "trifactor-unexplained"])
def test_what_is_closed_counts_as_zero(name: str) -> None:
    model = perceptron(random_perceptron())
    closed = np.random.RandomState(1).rand(12, 10) < 0.3
    masks = {("p0", 0): ~closed}
    found = ranking(model, name, masks=masks)
    expected = ranking(with_masks(model, masks), name)
    for key, scores in found.items():
        free = ~closed if key == ("p0", 0) else np.True_
        np.testing.assert_array_equal(scores, np.where(free, expected[key], -np.inf))


def test_full_ranks_explain_all() -> None:
    model = picture_net()
    net = PrunableNet(model, prunable(model), options={"rank": 1.0})
    scaled = canonical_weights(model)
    for key, (weights, made) in explained(net).items():
        np.testing.assert_allclose(made, weights, atol=1e-6 * np.abs(weights).max())
        expected = scaled.get(key, model.blobs(key[0])[0].array())
        np.testing.assert_array_equal(weights, expected)


def test_units_that_one_layer_alone_knows_are_not_grouped() -> None:
    """The classes of a classifier have nothing in common: with two groups most would be lost."""
    random = np.random.RandomState(4)
    classes = np.eye(6)
    model = perceptron([random.randn(6, 4), classes])
    net = PrunableNet(model, prunable(model), options={"rank": 1.0})
    assert np.abs(explained(net)["p1", 0][1]).max(axis=1).min() > 0.1
    alone = perceptron([random.randn(5, 4)])
    ((weights, made),) = explained(PrunableNet(alone, prunable(alone))).values()
    np.testing.assert_array_equal(weights, made)


def test_weights_that_relate_no_groups_count_as_explained() -> None:
    model = picture_net()
    weights, made = explained(PrunableNet(model, prunable(model)))["d", 0]
    np.testing.assert_array_equal(weights, made)


def test_parts_are_factored_apart() -> None:
    """Units between a convolution and an InnerProduct then have nothing in common."""
    text = declared(1, 3, 4, 4)
    text += line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 8")
    text += product("f", "a", 10) + line("ReLU", "r", ["f"], ["f"]) + product("o", "f", 3)
    model = with_random_weights(text)
    nets = {
        parts: explained(PrunableNet(model, prunable(model), options={"parts": parts}))
        for parts in ("together", "separate")
    }
    weights, made = nets["separate"]["a", 0]
    np.testing.assert_array_equal(weights, made)
    assert not np.array_equal(*nets["together"]["a", 0])
    assert not np.array_equal(nets["separate"]["f", 0][1], nets["together"]["f", 0][1])


def test_of_layers_held_against_each_other_normalised_scores_are_shares() -> None:
    found = ranking(perceptron(random_perceptron()), "trifactor-normalised")
    plain = ranking(perceptron(random_perceptron()), "trifactor-magnitude")
    for key, scores in found.items():
        assert np.linalg.norm(scores) == pytest.approx(1)
        np.testing.assert_allclose(scores * np.linalg.norm(plain[key]), plain[key])


def test_between_layers_it_counts_how_much_of_what_is_left_goes() -> None:
    """The largest of each layer is all that is left of it, and goes last."""
    model = perceptron([10 * one for one in random_perceptron()[:1]] + random_perceptron()[1:])
    found = ranking(model, "trifactor")
    plain = ranking(model, "trifactor-magnitude")
    for key, scores in found.items():
        assert scores.max() == 1
        np.testing.assert_array_equal(
            np.argsort(scores, axis=None, kind="stable"),
            np.argsort(plain[key], axis=None, kind="stable"),
        )
        squares = np.sort(plain[key].ravel())[::-1] ** 2
        expected = squares / np.cumsum(squares)
        np.testing.assert_allclose(np.sort(scores.ravel())[::-1], expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rank": 0}, "rank 0 is no share"),
        ({"rank": 1.5}, "rank 1.5 is no share"),
        ({"rank": "much"}, "rank 'much' is no share"),
        ({"parts": "both"}, "no parts 'both'"),
        ({"sweeps": 3}, "has no option 'sweeps'"),
    ],
)
def test_options_that_are_none_are_refused(options: Dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        ranking(perceptron(random_perceptron()), "trifactor", options=options)


def test_weights_that_are_no_numbers_name_the_layer() -> None:
    weights = random_perceptron()
    weights[1][2, 3] = np.nan
    with pytest.raises(PlanError) as caught:
        ranking(perceptron(weights), "trifactor")
    assert caught.value.layer == "p1"


def notes_of(text: str, **options: Any) -> tuple[str, ...]:
    model = with_random_weights(declared(1, 3, 6, 6) + text)
    return saliency("trifactor").notes(PrunableNet(model, prunable(model), options=options))


def test_what_is_not_looked_at_is_told() -> None:
    first = line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 8")
    last = product("o", "a", 3)
    assert notes_of(first + last) == ()
    assert notes_of(first + product("f", "a", 4) + product("o", "f", 3), parts="separate") == (
        "in no groups, as weights of depthwise convolutions are, and taken by their size: a",
    )
    depthwise = line(
        "Convolution", "d", ["a"], ["a"], CONVOLUTION % "num_output: 8 group: 8 pad: 1"
    )
    (note,) = notes_of(first + depthwise + last)
    assert note.endswith("taken by their size: d")
    (note,) = notes_of(first + line("BatchNorm", "n", ["a"], ["a"]) + last)
    assert "scale that they have, which may be any: channels of a;" in note


def test_a_note_names_few_of_many_layers() -> None:
    text = line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 8 pad: 1")
    for number in range(7):
        more = CONVOLUTION % "num_output: 8 group: 8 pad: 1"
        text += line("Convolution", f"d{number}", ["a"], ["a"], more)
    (note,) = notes_of(text + product("o", "a", 3))
    assert note.endswith(": d0, d1, d2, d3 and 3 more")


def test_more_groups_are_more_work() -> None:
    model = picture_net()
    found = [
        saliency("trifactor").work(PrunableNet(model, prunable(model), options={"rank": rank}))
        for rank in (0.1, 0.5, 1.0)
    ]
    assert 0 < found[0] < found[1] < found[2]
    assert saliency("magnitude").work(PrunableNet(model, prunable(model))) == 0
