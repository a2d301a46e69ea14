"""Figure 5: VGG16 with four times fewer MACs, by the ranks of Zhang et al. and by a budget."""

from __future__ import annotations

import shutil
from dataclasses import replace

import netsurgery as ns
from benchmarks.child import CELLS, megabytes
from benchmarks.setting import Figure, Setting, say
from netsurgery.network.cost import count_cost
from netsurgery.network.shapes import infer_shapes

RANKS = {
    "conv1_2": 17,
    "conv2_1": 37,
    "conv2_2": 47,
    "conv3_1": 83,
    "conv3_2": 89,
    "conv3_3": 106,
    "conv4_1": 175,
    "conv4_2": 192,
    "conv4_3": 227,
    "conv5_1": 398,
    "conv5_2": 390,
    "conv5_3": 379,
}
"""Of VGG16 at a quarter of its MACs, as the Caffe code of He et al. 2017 (channel-pruning, R3) has
them for the three layers of Zhang et al. 2015. conv1_1 stays: it has too few inputs to gain."""
BUDGET = 0.25
MOST_SECONDS, MOST_BYTES = 300, 3e9
COLUMNS = ("", *CELLS, "MACs of convolutions", "MACs of the net")


def measure(setting: Setting) -> Figure:
    """Compress both ways, each in a process of its own."""
    setting = replace(setting, model=replace(setting.model, falling=True))
    prototxt = setting.prototxt("deploy", setting.model.deploy())
    plan = setting.file("zhang.yaml")
    _plan(setting).save(plan)
    ways = {
        "Zhang's ranks, from a plan file": ("carry_out", plan),
        f"planned for {BUDGET:g} of the MACs": ("keep_to_budget", BUDGET),
    }
    rows, notes, numbers = [], [], {}
    for name, (job, argument) in ways.items():
        say(f"compressing convolutions: {name}")
        output = setting.file("convolutions")
        done = setting.job(job, prototxt, setting.weights, output, argument)
        fewer = _times_fewer(ns.load(prototxt), ns.load(output / prototxt.name))
        shutil.rmtree(output)
        rows.append((name, *done.cells, *(f"{times:.2f} times fewer" for times in fewer)))
        notes.append(f"{name}: {done.steps}.")
        numbers[name] = {**vars(done), "fewer": fewer}
    notes.insert(0, _verdict([numbers[name] for name in ways]))
    notes.append(
        "Each of Zhang's ranks is that of both cuts: 3 x 1 to so many channels, 1 x 3 to as many, "
        "1 x 1 to the original's. fc6 and fc7 have the ranks of Fast R-CNN. Kernels are seeded, "
        "with spectra that decay over noise."
    )
    return Figure("Compressing the convolutions of VGG16", COLUMNS, rows, notes, numbers)


def _plan(setting: Setting) -> ns.Plan:
    ranks = {layer: max(1, rank // setting.model.scale) for layer, rank in RANKS.items()}
    edits = [ns.Edit(layer, "spatial_channel_svd", {"rank": [k, k]}) for layer, k in ranks.items()]
    pairs = setting.model.ranks.items()
    return ns.Plan((*edits, *(ns.Edit(layer, "svd", {"rank": rank}) for layer, rank in pairs)))


def _times_fewer(before: ns.Model, after: ns.Model) -> tuple[float, float]:
    """How many times fewer MACs the convolutions take, and the whole net."""
    costs = [
        count_cost(model.network(), infer_shapes(model.network())) for model in (before, after)
    ]
    old, new = (
        [cost.macs or 0 for cost in found if cost.layer.type == "Convolution"] for found in costs
    )
    whole = [sum(cost.macs or 0 for cost in found) for found in costs]
    return sum(old) / sum(new), whole[0] / whole[1]


def _verdict(found: list[dict]) -> str:
    seconds = max(one["seconds"] for one in found)
    text = f"**At most {seconds:.0f} s (allowed: {MOST_SECONDS})"
    if all(one["resident"] for one in found):
        most = max(one["resident"] for one in found)
        text += f" and {megabytes(most)} (allowed: {megabytes(MOST_BYTES)})"
    return f"{text}.**"
