"""What netsurgery does in a child process of its own: jobs by name, their answers as JSON.

python jobs.py JOB [ARGUMENTS]
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def make(scale: str, weights: str) -> dict[str, Any]:
    """Write the model's weights."""
    from vgg16 import Vgg16

    from netsurgery.formats.weights import Blob, LayerWeights, Weights

    layers = []
    for name, kind, *arrays in Vgg16(int(scale)).weights():
        layers.append(LayerWeights(name, kind, tuple(map(Blob.of, arrays))))
    Weights.of(layers, "VGG_ILSVRC_16_layers").write(weights)
    return {}


def compress(prototxt: str, weights: str, output: str, *ranks: str) -> dict[str, Any]:
    """Read a model, factor layers, write the pair."""
    seconds, start = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal start
        now = time.perf_counter()
        seconds[name], start = now - start, now

    import netsurgery as ns

    words = (word.split("=") for word in ranks)
    plan = ns.Plan(tuple(ns.Edit(layer, "svd", {"rank": int(rank)}) for layer, rank in words))
    lap("import")
    model = ns.load(prototxt, weights)
    lap("load")
    model = ns.apply(model, plan)
    lap("factor")
    model.save(output)
    lap("save")
    return {"seconds": seconds}


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


JOBS = {job.__name__: job for job in (make, compress, judge, replace)}

if __name__ == "__main__":
    print(json.dumps(JOBS[sys.argv[1]](*sys.argv[2:])))
