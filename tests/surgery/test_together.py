"""What needs no more than its layer is carried out in one look at the net, ahead of fits."""

from __future__ import annotations

from collections import Counter
from typing import Any, List, Optional

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, line

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.errors import PlanError
from netsurgery.methods import ChainMethod, Edit
from netsurgery.network import Model
from netsurgery.planning import Plan
from netsurgery.surgery import contract, operate
from netsurgery.surgery.record import Surgery

START = declared("x", 1, 3, 9, 9)
WIDE = CONVOLUTION % "num_output: 6 pad: 1"
FIT = "refit"


def chain(layers: int) -> str:
    names = ["x", *(f"c{number}" for number in range(layers))]
    pairs = zip(names, names[1:])
    return START + "".join(line("Convolution", new, [old], [new], WIDE) for old, new in pairs)


SUM = (
    START
    + line("Convolution", "a", ["x"], ["a"], WIDE)
    + line("Convolution", "b", ["a"], ["b"], WIDE)
    + line("Convolution", "side", ["a"], ["side"], WIDE)
    + line("Eltwise", "sum", ["b", "side"], ["sum"])
    + line("Convolution", "c", ["sum"], ["c"], WIDE)
)


def factored(name: str, method: str = "input_svd", **options: Any) -> List[Edit]:
    """A layer, and the last of its pieces fitted to what it made in the original."""
    return [Edit(name, method, {"rank": 3, **options}), Edit(f"{name}_U", FIT)]


def carried_out(
    model: Model, edits: List[Edit], engine: str, alone: Optional[Any] = None
) -> Surgery:
    """What a plan makes; with each edit by itself where ``alone`` can see to it."""
    random = np.random.default_rng(3)
    inputs = Inputs({"x": random.standard_normal((5, 3, 9, 9)).astype(np.float32)})
    if alone is None:
        return operate(model, Plan(tuple(edits)), Calibrator(inputs, engine))
    with alone.context() as patch:
        patch.setattr(ChainMethod, "needs_only_its_layer", lambda *_: False)
        return operate(model, Plan(tuple(edits)), Calibrator(inputs, engine))


PLANS = {
    "a chain": (chain(4), [edit for n in range(4) for edit in factored(f"c{n}")]),
    "fits of whole layers": (chain(4), [*factored("c0"), Edit("c1", FIT), *factored("c2")]),
    "to the original's outputs": (
        chain(3),
        [edit for n in range(3) for edit in factored(f"c{n}", "channel_svd", fit="data")],
    ),
    "to what was changed": (
        chain(3),
        [*factored("c0"), *factored("c1", "channel_svd", fit="asymmetric"), *factored("c2")],
    ),
    "a piece of a piece": (
        chain(2),
        [*factored("c0"), Edit("c0_U", "channel_svd", {"rank": 2}), *factored("c1")],
    ),
    "the other branch of a sum": (SUM, [*factored("b"), *factored("side"), *factored("c")]),
    "cut in between": (
        chain(3),
        [*factored("c0"), Edit("c1", "thin", {"keep": [0, 2, 3]}), *factored("c2")],
    ),
}


@pytest.mark.parametrize("plan", PLANS)
def test_what_is_carried_out_ahead_is_what_it_would_be_in_its_turn(
    plan: str, monkeypatch: pytest.MonkeyPatch, opencv: str
) -> None:
    text, edits = PLANS[plan]
    model = with_random_weights(text)
    ahead = carried_out(model, edits, opencv)
    in_turn = carried_out(model, edits, opencv, monkeypatch)
    assert ahead.model.prototxt.data == in_turn.model.prototxt.data
    assert ahead.model.digest == in_turn.model.digest
    assert [step.rewrite.edit for step in ahead.steps] == edits
    assert str(sorted(ahead.origins.items(), key=str)) == str(
        sorted(in_turn.origins.items(), key=str)
    )
    assert ahead.errors(ahead.twin()) == in_turn.errors(in_turn.twin())
    for count in range(len(edits) + 1):
        undone = ahead.undone(count).model
        assert undone.digest == in_turn.undone(count).model.digest
        assert undone.prototxt.data == in_turn.undone(count).model.prototxt.data


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a whole net was looked at."""
    found: Counter[str] = Counter()
    really = contract.CheckedModel

    def counted(model: Model, phase: str) -> Any:
        found[phase] += 1
        return really(model, phase)

    monkeypatch.setattr(contract, "CheckedModel", counted)
    return found


@pytest.mark.parametrize("layers", [2, 8])
def test_looks_at_the_net_do_not_grow_with_the_layers(
    layers: int, looks: Counter[str], opencv: str
) -> None:
    edits = [edit for number in range(layers) for edit in factored(f"c{number}")]
    carried_out(with_random_weights(chain(layers)), edits, opencv)
    assert looks["TEST"] == 2  # before, and behind all that is factored


@pytest.mark.parametrize("blocks", [2, 6])
def test_looks_at_the_net_do_not_grow_with_the_slices_that_are_thinned(
    blocks: int, looks: Counter[str]
) -> None:
    text, edits, below = START, [], "x"
    for number in range(blocks):
        name, left, right = (f"{what}{number}" for what in ("c", "left", "right"))
        text += line("Convolution", name, [below], [name], WIDE)
        text += line("Slice", f"slice{number}", [name], [left, right])
        text += line("Convolution", f"d{number}", [left], [f"d{number}"], WIDE)
        edits += [Edit(name, "thin", {"keep": [0, 2, 3, 5]})]
        below = right
    text += line("Convolution", "last", [below], ["last"], WIDE)
    surgery = operate(with_random_weights(text), Plan(tuple(edits)))
    assert surgery.model.blobs(f"d{blocks - 1}")[0].shape == (6, 2, 3, 3)
    assert looks["TEST"] == 2  # before, and behind all cuts


@pytest.mark.parametrize("layers", [2, 8])
def test_what_was_rewritten_is_told_in_one_walk_over_the_steps(
    layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    edits = [Edit(f"c{number}", "channel_svd", {"rank": 3}) for number in range(layers)]
    surgery = operate(with_random_weights(chain(layers)), Plan(tuple(edits)))
    asked = []
    really = Surgery.touched.fget
    monkeypatch.setattr(Surgery, "touched", property(lambda self: asked.append(1) or really(self)))
    names = [f"c{number}_{side}" for number in range(layers) for side in "LU"]
    assert sorted(surgery.rewritten) == sorted(names)
    assert len(asked) == 1


def test_the_other_branch_of_a_sum_waits_for_the_fit_that_sees_it(
    looks: Counter[str], opencv: str
) -> None:
    carried_out(with_random_weights(SUM), [*factored("b"), *factored("side")], opencv)
    assert looks["TEST"] == 3


def test_an_edit_that_cannot_be_carried_out_is_named_as_before(opencv: str) -> None:
    model = with_random_weights(chain(2))
    with pytest.raises(PlanError, match="rank 99 is not a whole number") as told:
        carried_out(model, [*factored("c0"), *factored("c1", rank=99)], opencv)
    assert told.value.layer == "c1"
