"""How much work jobs are: about how long their tasks take on one machine.

The figures were measured on one core of a server of 2020; for another machine, and where this knows
too little, `netsurgery.jobs.estimates` corrects them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, Optional, Tuple

import numpy as np

from netsurgery.errors import NetsurgeryError
from netsurgery.jobs.quick import INPUTS, SCORE
from netsurgery.layers import ROW_PRODUCTS
from netsurgery.network import Model, infer_shapes, total_cost

if TYPE_CHECKING:
    from netsurgery.jobs.requests import BudgetedRequest, CalibratedRequest

Path = Tuple[str, ...]
Seconds = Dict[Path, float]

PASS = 7e9
"""MACs a second of a forward pass."""
LAYER = 2e-5
"""Seconds that a layer of it takes at least."""
PRODUCT = 1e10
"""Multiplications a second of our own products and decompositions."""
READ = 3e8
"""Bytes of weights a second that are written, read back, hashed and compared."""
FIT = 4e-3
"""Seconds that a fit takes at least, beside runs."""
START = 0.5
"""Seconds that an engine takes to start."""
TRIED = 16
"""Inputs that trials run on, about."""
ROWS = 4096
"""Rows that a layer is fitted to, about."""
JUDGED = 5
"""Passes over its inputs that a proof takes, of all models together."""
NETS = 6
"""Nets that are planned and measured, about, until the smallest that loses little is found."""


@dataclass(frozen=True)
class Workload:
    """What of a net makes work.

    Attributes:
        passing: Seconds of a forward pass of one input.
        bytes: Of its weights.
        layers: How many layers have a matrix.
        fits: Seconds of solving for all these layers once.
        spectra: Seconds of the singular values of all these layers.
        channels: That all these layers make.
    """

    passing: float
    bytes: float
    layers: int
    fits: float
    spectra: float
    channels: int = 0

    @classmethod
    def of(cls, model: Model) -> Workload:
        """Look at the shapes of a model; no weights are read.

        Where something is wrong with it, that is no work: whoever does the work will say so.
        """
        try:
            return cls._of(model)
        except NetsurgeryError:
            return cls(0.0, 0.0, 0, 0.0, 0.0)

    @classmethod
    def _of(cls, model: Model) -> Workload:
        network, cost, batch = model.network(), total_cost(model), declared_batch(model)
        shapes = [
            (int(blobs[0].shape[0]), int(np.prod(blobs[0].shape[1:])))
            for layer in network.layers
            for blobs in [model.blobs(layer.name)]
            if layer.layer_type.product in ROW_PRODUCTS and blobs and len(blobs[0].shape) > 1
        ]
        passing = (cost.macs or 0) / batch / PASS + len(network.layers) * LAYER
        fits = sum(columns**3 / 3 + columns**2 * ROWS for _, columns in shapes) / PRODUCT
        spectra = sum(max(one) * min(one) ** 2 * 3 for one in shapes) / PRODUCT
        channels = sum(rows for rows, _ in shapes)
        return cls(passing, 4.0 * (cost.params or 0), len(shapes), fits, spectra, channels)

    def budget(self, inputs: Optional[int], score: str, joint: int = 1) -> Seconds:
        """Return the seconds of planning for a budget, within its task.

        Args:
            inputs: How many there are to fit to; None for none.
            score: What forms are scored by.
            joint: How many nets are carried out and measured.
        """
        found: Seconds = {}
        if score == "effect" and inputs:
            few = min(inputs, TRIED)
            # About half of the layers stand behind one.
            each = (self.layers * FIT + self.fits * min(1.0, few * 256 / ROWS)) / 2
            found["trials",] = START + self.layers * (each / 2 + few * self.passing)
        gathered = inputs * self.passing if inputs else 0.0
        opened = START if inputs else 0.0
        found["choices",] = opened + 2 * self.spectra + gathered + self.layers * FIT
        if inputs and joint:
            for path, seconds in self.rewriting(inputs).items():
                found[("joint result",) + path] = joint * seconds
            found["joint result", "running"] = joint * 2 * inputs * self.passing
        return found

    def rewriting(self, inputs: Optional[int]) -> Seconds:
        """Return the seconds of carrying a plan out, fitted to inputs or to weights alone."""
        if not inputs:
            return {("rewriting",): self.spectra}
        # Each layer is fitted to what reaches it, which half of the net makes.
        runs = self.layers * inputs * self.passing / 2
        return {("rewriting",): START + runs + self.layers * FIT + self.fits}

    def thinning(self, inputs: Optional[int]) -> Seconds:
        """Return the seconds of choosing channels, within the task of planning."""
        if not inputs:
            return {("rankings",): self.spectra + self.layers * FIT}
        few = min(inputs, 64)
        fits = self.layers * (self.layers * FIT + self.fits) / 4
        return {
            ("moments",): START + inputs * self.passing + self.fits,
            ("rankings",): self.fits + self.layers * FIT,
            ("trials",): fits + self.layers * few * self.passing,
        }

    def ranking(self, inputs: Optional[int], oracle: bool) -> Seconds:
        """Return the seconds of ranking channels; an oracle removes each alone."""
        runs = (inputs or 0) * self.passing
        found: Seconds = {("running",): runs, ("gradients",): 2 * runs}
        if oracle:
            # From the layer behind the channel on, half of the net is run again.
            found["oracle",] = self.channels * runs / 2
        return found

    def writing(self) -> Seconds:
        """Return the seconds of writing a pair."""
        return {("writing",): self.bytes / READ}

    def proof(self, inputs: Optional[int]) -> Seconds:
        """Return the seconds of a proof, which runs so many inputs; None where nothing is run."""
        found: Seconds = {
            ("proof", "reading back"): self.bytes / READ,
            ("proof", "multiplying out"): self.spectra / 10 + self.bytes / READ,
        }
        if inputs is not None:
            found["proof", "running"] = self.comparing(inputs)
        return found

    def comparing(self, inputs: int) -> float:
        """Return the seconds of running two nets on inputs, and of measuring float noise."""
        return 3 * START + JUDGED * inputs * self.passing + 2 * self.bytes / READ


def declared_batch(model: Model) -> int:
    """Return how many samples the text says that a model takes at a time; 1 where it says nothing.

    Raises:
        NetworkError: Caffe would refuse the network.
    """
    network = model.network()
    known = infer_shapes(network, weights=model.weights)
    return max([1, *(dims[0] for dims in map(known.get, network.inputs) if dims)])


def within(name: str, tasks: Seconds) -> Seconds:
    """Return tasks as those of a task."""
    return {(name,) + path: seconds for path, seconds in tasks.items()}


def work_of_plan(model: Model, request: BudgetedRequest, inputs: Optional[int]) -> Seconds:
    """Return the seconds of making a plan.

    Args:
        model: The model.
        request: What is asked for.
        inputs: How many there are to fit to; None for none.
    """
    work = Workload.of(model)
    if request.searched is None:
        return within("planning", {("layers",): work.spectra})
    asked = vars(request)  # a request to thin knows no scores, as channels have none
    quick = request.quick
    inputs = min(inputs, INPUTS) if inputs and quick else inputs
    score = asked.get("score") or (SCORE if quick else "effect" if inputs else "energy")
    if "score" in asked:
        found = work.budget(inputs, score, joint=not quick)
    else:
        found = work.thinning(inputs)
        found.update({("trials",): 0.0} if quick else {})
    if request.max_loss is None:
        return within("planning", found)
    # Nets are tried, each a task; what is learnt of layers is learnt once.
    again = sum(work.rewriting(inputs).values()) + work.comparing(inputs or TRIED)
    return {("planning",): sum(found.values()) + NETS * again}


def work_of_pair(
    model: Model, request: CalibratedRequest, inputs: Optional[int], judged: Optional[int]
) -> Seconds:
    """Return the seconds of making, writing and proving a pair.

    Args:
        model: The original.
        request: What is asked for.
        inputs: How many there are to fit to; None for none.
        judged: How many it is judged by; None where nothing is run.
    """
    from netsurgery.jobs.requests import BudgetedRequest

    work = Workload.of(model)
    found = {}
    if isinstance(request, BudgetedRequest) and vars(request).get("plan") is None:
        found = work_of_plan(model, request, inputs)
    # A plan that was measured was carried out for that.
    if not any("joint result" in path for path in found):
        found.update(work.rewriting(inputs))
    return {**found, **work.writing(), **work.proof(judged)}
