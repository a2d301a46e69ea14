"""Convolutions over one, three and other numbers of axes; real Caffe is the judge."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import numpy as np
import pytest
from convolution_nets import METHODS, run, small_net
from hypothesis import HealthCheck, given, settings, strategies as st

from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.engine import Engine
from netsurgery.errors import PlanError
from netsurgery.linalg.patches import Geometry, extract_patches
from netsurgery.methods import Edit, low_rank_method
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import operate

WHOLE = ("channel_svd", "input_svd", "tucker")
# Two orders of summing 200 products.
FLOAT_NOISE = 1e-5


@st.composite
def nets(draw: st.DrawFn) -> Model:
    """A convolution over none to three axes, its channels on axis 1 or 2, in every spelling."""
    random = np.random.default_rng(draw(st.integers(0, 999)))
    axis, spatial = draw(st.integers(1, 2)), draw(st.integers(0, 3))
    groups, inputs, outputs = (draw(st.integers(1, 3)) for _ in range(3))
    text, kernel = f"num_output: {groups * outputs} group: {groups} ", [1] * spatial
    each = draw(st.booleans())
    for name, low, high in (("kernel_size", 1, 3), ("stride", 1, 2), ("pad", 0, 1)):
        sizes = [draw(st.integers(low, high)) for _ in range(spatial if each else 1)]
        text += " ".join(f"{name}: {size}" for size in sizes) + " "
        if name == "kernel_size":
            kernel = sizes if each else sizes * spatial
    text += "" if each and spatial else " kernel_size: 1 " if not spatial and each else ""
    text += draw(st.sampled_from(["", "force_nd_im2col: true "]))
    text += f"axis: {axis - draw(st.sampled_from([0, axis + 1 + spatial]))}"
    size = (2, *(2,) * (axis - 1), groups * inputs, *(int(random.integers(4, 7)),) * spatial)
    weights = random.normal(size=(groups * outputs, inputs, *kernel))
    return small_net(text, weights, random.normal(size=groups * outputs), size=size)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(model=nets(), method=st.sampled_from(WHOLE))
def test_full_ranks_are_exact_over_any_number_of_axes(
    model: Model, method: str, tmp_path: Path, quick_caffe: Engine
) -> None:
    tradeoff = low_rank_method(method).tradeoff(model, "conv")
    options = low_rank_method(method).options_for(tradeoff.full)
    surgery = operate(model, Plan((Edit("conv", method, options),)))
    before = run(model, tmp_path, quick_caffe)
    after = run(surgery.model, tmp_path, quick_caffe)
    ((_, made),) = before.items()
    assert np.abs(made - after["conv"]).max() <= FLOAT_NOISE * max(np.abs(made).max(), 1)
    cost = tradeoff.macs
    assert cost is not None
    assert cost.whole == total_cost(model).macs
    assert cost.at(tradeoff.full) == total_cost(surgery.model).macs


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(WHOLE)) + ["cp"])
@pytest.mark.parametrize(("axes", "size"), [(3, (1, 3, 5, 5, 5)), (1, (1, 3, 9))])
def test_forms_over_height_and_width_give_the_true_reason(
    method: str, axes: int, size: Tuple[int, ...]
) -> None:
    weights = np.ones((4, 3, *(2,) * axes))
    model = small_net("num_output: 4 kernel_size: 2", weights, np.ones(4), size=size)
    with pytest.raises(PlanError, match=f"its kernel has {axes} spatial axes; {method} takes two"):
        low_rank_method(method).tradeoff(model, "conv")


def test_weights_that_do_not_belong_to_the_prototxt_are_refused() -> None:
    weights = np.ones((4, 3, 2, 2, 3))
    model = small_net("num_output: 4 kernel_size: 2", weights, np.ones(4), size=(1, 3, 5, 5, 5))
    for method in WHOLE:
        with pytest.raises(PlanError, match="the prototxt asks for 4 kernels of 2x2x2"):
            low_rank_method(method).tradeoff(model, "conv")


@pytest.mark.parametrize("size", [(16, 3, 4, 5, 4), (16, 3, 12)])
def test_a_fit_over_any_axes_loses_no_more_than_without(
    size: Tuple[int, ...], tmp_path: Path, quick_caffe: Engine
) -> None:
    random = np.random.default_rng(0)
    weights = random.normal(size=(6, 3, *(3,) * (len(size) - 2)))
    model = small_net("num_output: 6 kernel_size: 3 pad: 1", weights, np.ones(6), size=size)
    given_ = (random.normal(size=size) * np.arange(1, size[-1] + 1)).astype(np.float32)
    calibrator = Calibrator(Inputs({"x": given_}), quick_caffe)
    lost = []
    for fit in ("none", "data"):
        edit = Edit("conv", "channel_svd", {"rank": 3, "fit": fit})
        found = []
        for one in (model, operate(model, Plan((edit,)), calibrator).model):
            paths = one.save(tmp_path / "deploy.prototxt", tmp_path / "net.caffemodel")
            with quick_caffe.open(*paths) as session:
                found.append(session.forward({"x": given_})["conv"])
        lost.append(float(np.linalg.norm(found[0] - found[1])))
    assert lost[1] < lost[0]


@given(
    axes=st.integers(0, 3), seed=st.integers(0, 99), pad=st.integers(0, 1), step=st.integers(1, 2)
)
def test_windows_over_any_axes_are_what_a_loop_cuts(
    axes: int, seed: int, pad: int, step: int
) -> None:
    random = np.random.default_rng(seed)
    array = random.normal(size=(2, 2, *random.integers(4, 6, axes)))
    kernel = tuple(random.integers(1, 3, axes).tolist())
    geometry = Geometry(kernel, (step,) * axes, (pad,) * axes, (1,) * axes)
    padded = np.pad(array, [(0, 0), (0, 0), *[(pad, pad)] * axes])
    grid = [(n - k) // step + 1 for n, k in zip(padded.shape[2:], kernel)]
    rows = []
    for place in np.ndindex(*grid):
        cut = tuple(slice(p * step, p * step + k) for p, k in zip(place, kernel))
        index = (slice(None), slice(None), *cut)
        rows.append(padded[index].reshape(2, -1))
    np.testing.assert_array_equal(extract_patches(array, geometry), np.stack(rows, axis=1))
