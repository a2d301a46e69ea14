"""Groups cut one after another, each for what it touches, are what a new look at the net finds."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import random_keep, with_random_weights
from channel_nets import CONVOLUTION, channel_nets, line
from hypothesis import HealthCheck, given, settings, strategies as st

from netsurgery.errors import PlanError
from netsurgery.network.channels import (
    ChannelGroup,
    channel_groups,
    groups as groups_module,
    successive,
)
from netsurgery.network.channels.successive import Thinning
from netsurgery.network.channels.thinning import staying, thin_model
from netsurgery.network.model import Model

QUIET: Dict[str, Any] = {"suppress_health_check": list(HealthCheck)}


def facts(group: ChannelGroup) -> Tuple[Any, ...]:
    """All that a group says, to be compared."""
    return (
        (group.name, group.origins, group.channels, dict(group.pinned), group.approximate),
        [(c.layer.name, c.blob, c.axis, c.role, c.channels.tolist()) for c in group.members],
        [(c.value, c.axis, c.axes, c.channels.tolist()) for c in group.values],
        [layer.name for layer in group.through],
        [rows.tolist() for rows in group.balanced],
        group.parts,
    )


def contents(model: Model) -> Tuple[bytes, Dict[str, List[Any]]]:
    layers = model.weights.layers if model.weights else ()
    return model.prototxt.data, {
        layer.name: [(blob.shape, blob.storage, blob.array().tobytes()) for blob in layer.blobs]
        for layer in layers
    }


def check(model: Model, seed: int, share: float) -> int:
    """Cut in a random order, both ways; the number of cuts behind which none was looked for."""
    keep = random_keep(channel_groups(model), seed, share, approximate=True)
    order = np.random.default_rng(seed).permutation(sorted(keep)).tolist()
    thinning, unseen = Thinning(model, channel_groups(model)), 0
    for name in order:
        groups = channel_groups(model)
        if not thinning.is_whole(name) or name not in [group.name for group in groups]:
            continue
        try:
            after = thin_model(model, groups, {name: keep[name]})
        except PlanError as problem:
            with pytest.raises(PlanError, match=re.escape(str(problem))):
                thinning.cut(name, keep[name])
            continue
        settled = thinning.cut(name, keep[name]).settled
        assert contents(thinning.model) == contents(after)
        found = channel_groups(after)
        if not settled:
            thinning = Thinning(after, found)
        unseen += settled
        for group in found:
            if thinning.is_whole(group.name):
                assert facts(thinning.group(group.name)) == facts(group)
        model = after
    return unseen


@settings(max_examples=150, **QUIET)
@given(text=channel_nets(), seed=st.integers(0, 99), share=st.floats(0.1, 1.0))
def test_random_nets(text, seed, share) -> None:
    check(with_random_weights(text), seed, share)


CHAIN = declared("x", 1, 3, 9, 9) + "".join(
    line("Convolution", name, [bottom], [name], CONVOLUTION % "num_output: 8 pad: 1")
    for bottom, name in ("xa", "ab", "bc", "cd", "de", "ef")
)


def test_a_chain_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_random_weights(CHAIN)
    looks = []
    whole = groups_module.find_groups
    monkeypatch.setattr(
        groups_module, "find_groups", lambda *given: looks.append(1) or whole(*given)
    )
    thinning = Thinning(model, channel_groups(model))
    for name in "abcde":
        assert thinning.cut(name, range(2, 8)).settled
    assert len(looks) == 1
    assert thinning.model.blobs("c")[0].shape == (6, 6, 3, 3)


@pytest.mark.parametrize("branches", [4, 16])
def test_a_cut_asks_no_other_group_of_a_concat_what_is_left(
    branches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(
        successive, "staying", lambda *given: asked.append(len(given[0])) or staying(*given)
    )
    one = CONVOLUTION % "num_output: 2"
    names = [f"c{number}" for number in range(branches)]
    text = declared("x", 1, 3, 9, 9)
    text += "".join(line("Convolution", name, ["x"], [name], one) for name in names)
    text += line("Concat", "all", names, ["all"]) + line("Convolution", "last", ["all"], ["y"], one)
    model = with_random_weights(text)
    thinning = Thinning(model, channel_groups(model))
    for name in names:
        thinning.cut(name, [1])
    # Of each group its weights, bias, values, and what reads it.
    assert len(asked) == 5 * branches
    expected = thin_model(model, channel_groups(model), {name: [1] for name in names})
    assert thinning.model.digest == expected.digest


PADDED = CONVOLUTION % "num_output: %d pad: 1"
SLICED = (
    declared("x", 1, 3, 9, 9)
    + line("Convolution", "a", ["x"], ["a"], PADDED % 8)
    + line("Slice", "halves", ["a"], ["left", "right"])
    + line("Convolution", "b", ["right"], ["b"], PADDED % 6)
)


def test_parts_that_no_other_group_shares_need_no_new_look() -> None:
    readers = line("Convolution", "c", ["b"], ["c"], PADDED % 4)
    readers += line("Convolution", "d", ["left"], ["d"], PADDED % 4)
    model = with_random_weights(SLICED + readers)
    thinning = Thinning(model, channel_groups(model))
    assert len(thinning.group("a").parts) == 2
    assert thinning.cut("a", [0, 1, 5, 6]).settled
    assert thinning.cut("b", [2, 3]).settled
    assert sum(check(model, seed, 0.9) for seed in range(8)) > 8


def test_parts_of_which_groups_share_a_value_need_a_new_look() -> None:
    joined = line("Slice", "more", ["b"], ["up", "down"])
    joined += line("Concat", "all", ["left", "up"], ["all"])
    joined += line("Convolution", "c", ["all"], ["c"], PADDED % 4)
    joined += line("Convolution", "d", ["down"], ["d"], PADDED % 4)
    model = with_random_weights(SLICED + joined)
    thinning = Thinning(model, channel_groups(model))
    assert not thinning.cut("a", [0, 4, 5, 6, 7]).settled
    for seed in range(8):
        check(model, seed, 0.9)
