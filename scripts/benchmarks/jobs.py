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
    from netsurgery.budgets import Budget, BudgetRequest, plan_budget

    laps.lap("import")
    model = ns.load(prototxt, weights)
    laps.lap("read")
    plan = plan_budget(model, BudgetRequest(Budget(macs=float(macs)), score="energy"))
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
    from netsurgery.linalg.svd import relative_residual, singular_values

    ranks = dict(word.split("=") for word in pairs_and_ranks if "=" in word)
    pairs = [open_weights(file) for file in pairs_and_ranks if "=" not in file]
    whole, answer = open_weights(weights), {}
    for layer, rank in ranks.items():
        matrix = whole.blobs(layer)[0].array()
        values = singular_values(matrix)
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


def tucker(repeats: str, peer: str, *pairs: str) -> dict[str, Any]:
    """Decompose every kernel with a window of models, netsurgery and tensorly taking turns.

    Args:
        repeats: How often each is timed.
        peer: ``"tensorly"``, or anything else to do without it.
        pairs: prototxt=weights.
    """
    import netsurgery as ns

    kernels = []
    for prototxt, weights in (pair.split("=") for pair in pairs):
        model = ns.load(prototxt, weights)
        for layer in model.network().layers:
            if layer.type == "Convolution" and model.blobs(layer.name)[0].shape[2:] != (1, 1):
                kernel = model.blobs(layer.name)[0].array()
                found = _decomposed(kernel, int(repeats), peer == "tensorly")
                kernels.append({"net": weights, "layer": layer.name, **found})
    return {"kernels": kernels}


def _decomposed(kernel: Any, repeats: int, beside: bool) -> dict[str, Any]:
    """Error and times of one kernel, at ranks by EVBMF."""
    from netsurgery.linalg.evbmf import evbmf_rank
    from netsurgery.linalg.tucker import mode_values, tucker2

    outputs, inputs, *window = kernel.shape
    tensor = kernel.reshape(outputs, inputs, -1).transpose(0, 2, 1)
    few, many = (
        max(1, evbmf_rank(values, (len(values), kernel.size // len(values))).rank)
        for values in mode_values(tensor)
    )

    def ours() -> Any:
        found = tucker2(tensor, (few, many))
        return found.core.reshape(many, *window, few).transpose(0, 3, 1, 2), found[2], found[0]

    def theirs() -> Any:
        from tensorly.decomposition import partial_tucker

        (core, factors), _ = partial_tucker(kernel, rank=[many, few], modes=[0, 1], init="svd")
        return (core, *factors)

    ways = {"ours": ours, **({"theirs": theirs} if beside else {})}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found = {name: way() for name, way in ways.items()}  # once to warm up
    for _ in range(repeats):
        for name, way in ways.items():
            # Processor time: a millisecond on a busy machine is mostly waiting for others.
            start = time.process_time()
            way()
            seconds[name].append(time.process_time() - start)
    errors = {name: _error(kernel, *factors) for name, factors in found.items()}
    return {"shape": kernel.shape, "ranks": [few, many], "errors": errors, "seconds": seconds}


def _error(kernel: Any, core: Any, outputs: Any, inputs: Any) -> float:
    """The relative error of a Tucker decomposition, in float64."""
    import numpy as np

    arrays = [each.astype(np.float64) for each in (core, outputs, inputs)]
    product = np.einsum("rshw,nr,ms->nmhw", *arrays, optimize=True)
    return float(np.linalg.norm(kernel - product) / np.linalg.norm(kernel.astype(np.float64)))


JOBS = {
    job.__name__: job for job in (make, compress, carry_out, keep_to_budget, judge, replace, tucker)
}

if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[1]](*sys.argv[2:])))
