from __future__ import annotations

import numpy as np
import pytest
from small_models import TWO_LAYERS, decaying, make_model, two_layers

from netsurgery.errors import PlanError
from netsurgery.planning.low_rank import LowRankRequest, plan_low_rank
from netsurgery.planning.rules import parse_rule
from netsurgery.progress import Progress


def plan(*rules: tuple[str, str], **request: object):
    return plan_low_rank(
        two_layers(), LowRankRequest([parse_rule(*rule) for rule in rules], **request)
    )


def ranks(made) -> dict[str, int]:
    return {edit.layer: edit.options["rank"] for edit in made.edits}


def test_a_rank_is_taken_as_given() -> None:
    assert ranks(plan(("rank", "fc6=7"))) == {"fc6": 7}


def test_a_fraction_is_of_the_full_rank() -> None:
    assert ranks(plan(("rank", "fc6=0.25"))) == {"fc6": 8}


def test_an_energy_gives_the_smallest_rank_that_keeps_it() -> None:
    energy = np.cumsum(0.9 ** (2 * np.arange(32)))
    expected = int(np.searchsorted(energy / energy[-1], 0.8)) + 1
    made = plan(("energy", "fc6=0.8"))
    assert ranks(made) == {"fc6": expected}
    assert made.edits[0].predicted.energy >= 0.8


def test_an_error_gives_the_smallest_rank_within_it() -> None:
    made = plan(("error", "fc6=0.5"))
    values = 0.9 ** np.arange(32)
    tails = [np.linalg.norm(values[k:]) / np.linalg.norm(values) for k in range(32)]
    expected = next(k for k, tail in enumerate(tails) if tail <= 0.5)
    assert ranks(made) == {"fc6": expected}
    assert made.edits[0].predicted.error == pytest.approx(tails[expected], rel=1e-5)


def test_a_rank_can_be_what_stands_out_of_noise() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(size=(32, 48))
    planted = noise + 30 * random.normal(size=(32, 3)) @ random.normal(size=(3, 48))
    blobs = {"fc6": [planted, np.zeros(32)], "fc7": [noise[:5, :32], np.zeros(5)]}
    model = make_model(TWO_LAYERS, blobs)
    made = plan_low_rank(model, LowRankRequest([parse_rule("rank", "fc*=evbmf")]))
    # fc7 is nothing but noise, and 1 is the smallest rank there is.
    assert ranks(made) == {"fc6": 3, "fc7": 1}


def test_a_rank_that_saves_nothing_is_refused_with_the_rank_that_does() -> None:
    # 32 x 48 = 1536 weights; 19 * (32 + 48) = 1520 is the last rank that saves.
    assert ranks(plan(("rank", "fc6=19"))) == {"fc6": 19}
    with pytest.raises(PlanError, match=r"rank 20 .*1,600 instead of 1,536.* up to rank 19"):
        plan(("rank", "fc6=20"))
    assert ranks(plan(("rank", "fc6=20"), allow_growth=True)) == {"fc6": 20}


def test_a_head_that_cannot_gain_is_left_alone_and_listed() -> None:
    made = plan(("energy", "0.999"))
    assert ranks(made) == {}
    reasons = {left.layer: left.reason for left in made.skipped}
    assert "saves up to rank 4" in reasons["fc7"]


def test_a_layer_nobody_asked_for_is_listed() -> None:
    assert plan(("rank", "fc6=3")).skipped[0].reason == "no rule selects it"


def test_a_layer_to_keep_is_kept() -> None:
    made = plan(("energy", "0.5"), keep=["fc7"])
    assert ranks(made).keys() == {"fc6"}
    assert made.skipped[0].reason == "kept on request"


def test_more_than_the_full_rank_is_refused() -> None:
    with pytest.raises(PlanError, match="full rank 32"):
        plan(("rank", "fc6=33"))


def test_layers_that_share_weights_are_planned_once() -> None:
    text = """
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 8 } } }
    layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" }
            inner_product_param { num_output: 8 } }
    layer { name: "b" type: "InnerProduct" bottom: "x" top: "b" param { name: "w" }
            inner_product_param { num_output: 8 } }
    """
    model = make_model(text, {"a": [np.eye(8), np.zeros(8)], "b": [np.eye(8), np.ones(8)]})
    made = plan_low_rank(model, LowRankRequest([parse_rule("rank", "InnerProduct=2")]))
    assert ranks(made) == {"a": 2}
    assert made.skipped[0].reason == "shares its weights with 'a' and is rewritten with it"


def test_progress_names_each_layer() -> None:
    seen: list[str] = []
    told = Progress(lambda event: seen.append(str(event)))
    plan_low_rank(two_layers(), LowRankRequest([parse_rule("energy", "0.5")]), told)
    assert seen == ["layers, fc6, 1 of 2 layers", "layers, fc7, 2 of 2 layers"]


def test_rules_for_layers_that_share_weights_cannot_differ() -> None:
    text = """
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 8 } } }
    layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" }
            inner_product_param { num_output: 8 bias_term: false } }
    layer { name: "b" type: "InnerProduct" bottom: "x" top: "b" param { name: "w" }
            inner_product_param { num_output: 8 bias_term: false } }
    """
    model = make_model(text, {"a": [np.eye(8)], "b": [np.eye(8)]})
    rules = [parse_rule("rank", "a=2"), parse_rule("rank", "b=3")]
    with pytest.raises(PlanError, match="contradict each other: it shares weights with 'a'"):
        plan_low_rank(model, LowRankRequest(rules))
    assert ranks(plan_low_rank(model, LowRankRequest([rules[0], parse_rule("rank", "b=2")]))) == {
        "a": 2
    }


def test_a_rule_for_a_layer_that_is_not_there_is_refused() -> None:
    for layer in ("fc8", "Convolution"):
        with pytest.raises(PlanError, match=layer):
            plan(("rank", f"{layer}=3"))


SEPARABLE = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 16 dim: 8 dim: 8 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 24 kernel_size: 3 } }
"""


@pytest.mark.parametrize("separable", [False, True])
def test_the_cheapest_form_that_keeps_the_rule_is_taken(separable: bool) -> None:
    """Of a kernel that falls apart into its height and its width, that is the one over both."""
    random = np.random.default_rng(0)
    if separable:
        kernel = random.normal(size=(16, 3, 2)) @ random.normal(size=(2, 24 * 3))
        kernel = kernel.reshape(16, 3, 24, 3).transpose(2, 0, 1, 3)
    else:
        kernel = decaying(24, 16 * 9).reshape(24, 16, 3, 3)
    model = make_model(SEPARABLE, {"conv": [kernel, np.zeros(24)]})
    rules = [parse_rule("energy", "conv=0.9")]
    (chosen,) = plan_low_rank(model, LowRankRequest(rules, allow_growth=True)).edits
    each = {}
    for method in ("channel_svd", "spatial_svd", "input_svd"):
        request = LowRankRequest(rules, method=method, allow_growth=True)
        (edit,) = plan_low_rank(model, request).edits
        each[method] = edit.predicted.macs.after
    assert chosen.method == min(each, key=each.__getitem__)
    assert chosen.method == ("spatial_svd" if separable else "channel_svd")


def test_spectra_can_be_left_out_where_ranks_are_given_outright() -> None:
    (told,) = plan(("rank", "fc6=7")).edits
    (silent,) = plan(("rank", "fc6=7"), predict=False).edits
    assert told.predicted.error is not None
    assert (silent.predicted.error, silent.predicted.energy) == (None, None)
    assert silent.predicted.weights == told.predicted.weights
    # A rule that speaks of energy needs them, and tells what it found.
    (found,) = plan(("energy", "fc6=0.8"), predict=False).edits
    assert found.predicted.energy >= 0.8
