"""What netsurgery does in a child process of its own: jobs by name, their answers as JSON.

python jobs.py JOB [ARGUMENTS]
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any


class Laps(dict):
    """Seconds by the name of what took them."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def lap(self, name: str) -> None:
        """Note what was done since the last time."""
        now = time.perf_counter()
        self[name], self._start = now - self._start, now


def make(scale: str, falling: str, weights: str) -> dict[str, Any]:
    """Write the model's weights."""
    from vgg16 import Vgg16

    from netsurgery.formats.weights import Blob, LayerWeights, Weights

    layers = []
    for name, kind, *arrays in Vgg16(int(scale), falling == "1").weights():
        layers.append(LayerWeights(name, kind, tuple(map(Blob.of, arrays))))
    Weights.of(layers, "VGG_ILSVRC_16_layers").write(weights)
    return {}


def compress(prototxt: str, weights: str, output: str, *ranks: str) -> dict[str, Any]:
    """Read a model, factor layers, write the pair."""
    laps = Laps()
    import netsurgery as ns

    words = (word.split("=") for word in ranks)
    plan = ns.Plan(tuple(ns.Edit(layer, "svd", {"rank": int(rank)}) for layer, rank in words))
    laps.lap("import")
    model = ns.load(prototxt, weights)
    laps.lap("load")
    model = ns.apply(model, plan)
    laps.lap("factor")
    model.save(output)
    laps.lap("save")
    return {"seconds": laps}


def carry_out(prototxt: str, weights: str, output: str, plan: str) -> dict[str, Any]:
    """Read a model and a plan, carry it out, write the pair."""
    laps = Laps()
    import netsurgery as ns

    laps.lap("import")
    model, edits = ns.load(prototxt, weights), ns.Plan.load(plan)
    laps.lap("read")
    model = ns.apply(model, edits)
    laps.lap("apply")
    model.save(output)
    laps.lap("save")
    return {"seconds": laps}


def keep_to_budget(prototxt: str, weights: str, output: str, macs: str) -> dict[str, Any]:
    """Read a model, plan for so much of its MACs by the energy of its weights, write the pair."""
    laps = Laps()
    import netsurgery as ns
    from netsurgery.budgets import Budget, BudgetWishes, plan_budget

    laps.lap("import")
    model = ns.load(prototxt, weights)
    laps.lap("read")
    plan = plan_budget(model, BudgetWishes(Budget(macs=float(macs)), score="energy"))
    laps.lap("plan")
    model = ns.apply(model, plan)
    laps.lap("apply")
    model.save(output)
    laps.lap("save")
    forms = [edit.method for edit in plan.edits]
    return {"seconds": laps, "methods": {name: forms.count(name) for name in sorted({*forms})}}


def judge(weights: str, *pairs_and_ranks: str) -> dict[str, Any]:
    """The error of factored weights beside the smallest possible, in float64.

    Args:
        weights: The original's.
        pairs_and_ranks: Weights files that hold factors, and layer=rank for each layer.
    """
    import numpy as np

    from netsurgery.formats.weights import open_weights
    from netsurgery.linalg.svd import relative_residual, spectrum

    ranks = dict(word.split("=") for word in pairs_and_ranks if "=" in word)
    pairs = [open_weights(file) for file in pairs_and_ranks if "=" not in file]
    whole, answer = open_weights(weights), {}
    for layer, rank in ranks.items():
        matrix = whole.blobs(layer)[0].array()
        values = spectrum(matrix)
        optimum = float(np.linalg.norm(values[int(rank) :]) / np.linalg.norm(values))
        factors = [[pair.blobs(layer + end)[0].array() for end in ("_U", "_L")] for pair in pairs]
        found = [relative_residual(matrix, *both) for both in factors]
        answer[layer] = {"optimum": optimum, "errors": found}
    return answer


def replace(weights: str, output: str, layer: str) -> dict[str, Any]:
    """Open weights, replace one blob, write them."""
    import numpy as np

    from netsurgery.formats.weights import Blob, LayerWeights, open_weights

    values = np.zeros(open_weights(weights).blobs(layer)[0].shape, np.float32)
    start = time.perf_counter()
    before = open_weights(weights)
    opened = time.perf_counter()
    (old,) = before.find(layer)
    new = LayerWeights(layer, old.type, (Blob.of(values), *old.blobs[1:]))
    before.replace({layer: [new]}).write(output)
    return {"open": opened - start, "seconds": time.perf_counter() - start}


JOBS = {job.__name__: job for job in (make, compress, carry_out, keep_to_budget, judge, replace)}

if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[1]](*sys.argv[2:])))
