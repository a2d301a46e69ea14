"""What a cut does to the outputs, against the net that surgery makes of the same cut."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, line

from netsurgery.calibration import random_inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.calibration.session_pool import open_model
from netsurgery.criteria.base import RemovalOrder
from netsurgery.methods import Edit
from netsurgery.network.channels import channel_groups
from netsurgery.planning import Plan, sensitivity, thinning
from netsurgery.planning.sensitivity import by_outputs
from netsurgery.surgery import apply

# A shortcut, for which the fits behind a cut have to make up.
NET = (
    declared("x", 1, 3, 8, 8)
    + line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 8 pad: 1")
    + line("ReLU", "r", ["a"], ["ar"])
    + line("Convolution", "b", ["ar"], ["b"], CONVOLUTION % "num_output: 8 pad: 1")
    + line("ReLU", "s", ["b"], ["bs"])
    + line("Convolution", "c", ["bs"], ["c"], CONVOLUTION % "num_output: 8 pad: 1")
    + line("Eltwise", "e", ["ar", "c"], ["e"])
    + line("InnerProduct", "d", ["e"], ["d"], "inner_product_param { num_output: 4 }")
)


@pytest.mark.parametrize("fits", [False, True])
def test_losses_are_those_of_the_net_that_surgery_makes(quick_caffe, fits) -> None:
    model = with_random_weights(NET, 4)
    inputs = random_inputs(model.network(), 80, 1)
    calibrator = Calibrator(inputs, quick_caffe)
    groups = channel_groups(model)
    order = np.random.default_rng(2).permutation(8)
    downstream = partial(thinning._fitted, model, groups)
    ranking = RemovalOrder(order, np.linspace(1, 2, 8))
    few = inputs.spread(sensitivity._count(80, 1, fits))
    assert len(few) == 80
    found = by_outputs(
        model, groups, {"b": ranking}, calibrator, downstream=downstream if fits else None
    )["b"]

    gone = round(sensitivity.CUT * 8)
    keep = sorted(order[gone:].tolist())
    if fits:
        names = ["c", "d"]
        assert downstream({"b": keep}) == names
        edits = [Edit("b", "thin", {"keep": keep}), *(Edit(name, "refit") for name in names)]
    else:
        edits = [Edit("b", "thin", {"keep": keep, "compensate": "patches"})]
    after = apply(model, Plan(tuple(edits)), calibrator)
    outputs = []
    for one in (model, after):
        with open_model(quick_caffe, one) as runner:
            value = {"d": one.network().outputs[0]}
            outputs.append(
                np.concatenate([runner.run(batch, value)["d"] for batch in few.batches(8)])
            )
    before, now = (array.astype(float) for array in outputs)
    distance = ((before - now) ** 2).sum() / (before**2).sum()
    np.testing.assert_array_equal(found.order, order)
    # The same sums in another order.
    np.testing.assert_allclose(found.losses[:gone].sum(), distance, rtol=1e-4)
    np.testing.assert_allclose(found.losses / found.losses[0], ranking.losses / ranking.losses[0])


def test_trials_with_fits_take_no_more_inputs_than_the_fits_of_the_plan() -> None:
    assert sensitivity._count(2000, 12, True) == 166
    assert sensitivity._count(2000, 2, True) == sensitivity.INPUTS
    assert sensitivity._count(100, 12, True) == sensitivity.FEWEST
    assert sensitivity._count(2000, 12, False) == sensitivity.INPUTS
