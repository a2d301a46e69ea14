"""What every saliency does the same, and those that look at weights alone."""

from __future__ import annotations

from typing import ClassVar, Dict, Mapping

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from small_models import make_model

from netsurgery.errors import PlanError
from netsurgery.linalg import Pattern, choose_open
from netsurgery.network import Model, ParameterKey, prunable
from netsurgery.saliency import SALIENCIES, PrunableNet, Saliency, saliency

TEXT = """\
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: {} }} }} }}
layer {{ name: "one" type: "InnerProduct" bottom: "data" top: "one"
        inner_product_param {{ num_output: {} bias_term: false }} }}
layer {{ name: "two" type: "InnerProduct" bottom: "one" top: "two"
        inner_product_param {{ num_output: {} bias_term: false }} }}
"""
ONE, TWO = ("one", 0), ("two", 0)


def chain(one: np.ndarray, two: np.ndarray) -> Model:
    text = TEXT.format(one.shape[1], len(one), len(two))
    return make_model(text, {"one": [one.astype(np.float32)], "two": [two.astype(np.float32)]})


def a_net(**how: object) -> PrunableNet:
    random = np.random.RandomState(0)
    model = chain(random.standard_normal((3, 4)), 10 * random.standard_normal((2, 3)))
    return PrunableNet(model, prunable(model), **how)  # type: ignore[arg-type]


class Fixed(Saliency):
    """Scores that a test gives."""

    name: ClassVar[str] = "fixed"
    needs: ClassVar[str] = "weights"
    source: ClassVar[str] = "a test"
    comparable: ClassVar[bool] = False
    takes = ("rank",)

    def __init__(self, given: Mapping[ParameterKey, np.ndarray]) -> None:
        self.given = given

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        return dict(self.given)


FIXED = Fixed({ONE: np.full((3, 4), 5.0), TWO: np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]])})


def test_of_layers_held_against_each_other_other_units_are_divided_out() -> None:
    ranking = FIXED.ranking(a_net(), together=True)
    np.testing.assert_allclose(ranking[TWO], [[0.6, 0.8, 0], [0, 0, 0]])
    np.testing.assert_allclose(ranking[ONE], np.full((3, 4), 1 / np.sqrt(12)))
    assert np.array_equal(FIXED.ranking(a_net(), together=False)[TWO], FIXED.given[TWO])


def test_a_layer_without_scores_above_zero_stays_as_it_is() -> None:
    nothing = Fixed({ONE: np.zeros((3, 4)), TWO: np.ones((2, 3))})
    assert not nothing.ranking(a_net(), together=True)[ONE].any()


def test_what_is_closed_goes_before_all_others() -> None:
    mask = np.arange(6).reshape(2, 3) % 2 == 0
    ranking = FIXED.ranking(a_net(masks={TWO: mask}), together=False)
    assert np.array_equal(ranking[TWO] == -np.inf, ~mask)
    stays, others = choose_open(list(ranking.values()), 0.5, Pattern(), together=True)
    assert not others[~mask].any()
    assert stays.sum() + others.sum() == 9


def test_scores_that_are_no_numbers_name_the_layer() -> None:
    broken = Fixed({ONE: np.full((3, 4), np.nan), TWO: np.ones((2, 3))})
    with pytest.raises(PlanError, match="no finite numbers") as raised:
        broken.ranking(a_net(), together=True)
    assert raised.value.layer == "one"


def test_an_option_that_it_does_not_know_is_refused() -> None:
    FIXED.ranking(a_net(options={"rank": 0.5}), together=True)
    with pytest.raises(PlanError, match=r"'rnak'.*choose among rank"):
        FIXED.ranking(a_net(options={"rnak": 0.5}), together=True)
    with pytest.raises(PlanError, match=r"'rank'.*leave it out"):
        saliency("magnitude").ranking(a_net(options={"rank": 0.5}), together=True)


def test_what_stays_is_as_it_was_and_the_rest_is_zero() -> None:
    net = a_net()
    mask = np.arange(12).reshape(3, 4) % 3 == 0
    solved = saliency("magnitude").solve(net, {ONE: mask})
    assert list(solved) == [ONE]
    assert solved[ONE].dtype == np.float32
    assert np.array_equal(solved[ONE], net.weights(ONE) * mask)


def test_weights_that_are_closed_are_seen_as_zeros() -> None:
    mask = np.arange(12).reshape(3, 4) % 3 == 0
    net = a_net(masks={ONE: mask})
    assert np.array_equal(net.weights(ONE), net.model.blobs("one")[0].array() * mask)


def test_there_are_others_to_choose_from_where_there_is_none() -> None:
    with pytest.raises(PlanError, match=r"no saliency 'magnitud'.*lamp, magnitude"):
        saliency("magnitud")


@pytest.mark.parametrize("name", sorted(SALIENCIES.all()))
def test_each_is_called_as_it_is_registered_and_says_where_it_comes_from(name: str) -> None:
    found = saliency(name)
    assert found.name == name
    assert found.source
    assert found.needs in ("weights", "activations", "gradients")


def test_magnitude_holds_one_threshold_for_all_layers() -> None:
    net = a_net()
    ranking = saliency("magnitude").ranking(net, together=True)
    for key, found in ranking.items():
        assert found.dtype == np.float64
        assert np.array_equal(found, np.abs(net.weights(key)))


SQUARES = arrays(np.float32, (3, 4), elements=st.sampled_from([-2.0, -1.0, -0.5, 0.0, 1.0, 3.0]))


@given(SQUARES)
def test_lamp_is_the_share_of_what_is_left(one: np.ndarray) -> None:
    model = chain(one, np.ones((2, 3)))
    found = saliency("lamp").scores(PrunableNet(model, prunable(model)))[ONE]
    squares = one.astype(np.float64) ** 2
    for place, square in np.ndenumerate(squares):
        left = squares[squares >= square].sum()
        # the sums differ in their order: some units in the last place
        assert found[place] == pytest.approx(square / left if left else 0, rel=1e-14)


def test_random_depends_on_seed_and_layer_alone() -> None:
    one, again, other = a_net(seed=1), a_net(seed=1), a_net(seed=2)
    scores = [saliency("random").scores(net) for net in (one, again, other)]
    assert all(np.array_equal(scores[0][key], scores[1][key]) for key in (ONE, TWO))
    assert not np.array_equal(scores[0][ONE], scores[2][ONE])
    assert not np.array_equal(scores[0][ONE].ravel()[:6], scores[0][TWO].ravel())
    alone = saliency("random").scores(PrunableNet(one.model, (TWO,), seed=1))
    assert np.array_equal(alone[TWO], scores[0][TWO])
