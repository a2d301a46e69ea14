"""How much work jobs are: about how long their tasks take on one machine.

The figures were measured on one core of a server of 2020; for another machine, and where this knows
too little, `netsurgery.jobs.estimates` corrects them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Dict, NamedTuple, Optional, Sequence, Tuple

from netsurgery.errors import NetsurgeryError
from netsurgery.jobs.quick import INPUTS, SCORE
from netsurgery.layers import ROW_PRODUCTS, MatrixProduct, Product
from netsurgery.network import Model, infer_shapes, total_cost

if TYPE_CHECKING:
    from netsurgery.jobs.requests import BudgetedRequest, CalibratedRequest

Path = Tuple[str, ...]
Seconds = Dict[Path, float]

FIGURES = 3
"""Number of these figures: what was learnt beside others says nothing of them."""

PASS = 1.1e10
"""MACs a second of a forward pass, matrix products alone."""
MOVED = 1.8e-9
"""Seconds that a pass takes for a number of a blob, or of a window that a convolution unfolds."""
LAYER = 2e-5
"""Seconds that a layer of it takes at least."""
PRODUCT = 3e10
"""Multiplications a second of our own products."""
LEADING = 3.5e10
"""And of finding the leading singular vectors, counted as the products of a Gram matrix."""
SPECTRUM = 1.5e10
"""And of all singular values, counted in the same way."""
INVERSE = 4e9
"""Cubes of the width of a matrix a second that are inverted, or decomposed into eigenvectors."""
SCORED = 8e9
"""Operations a second of choosing weights, by all that is no large product."""
COPY = 3e9
"""Bytes of weights a second that are written, read back, hashed and compared."""
LOAD = 1e9
"""And that an engine loads."""
FORMS, FORMS_ALONE = 0.045, 0.025
"""Seconds that the forms of a layer take, with what inputs told of it and by its weights alone."""
FIT = 0.07
"""Seconds that a fit takes in the plan at least, with its rewriting, beside runs."""
TRY = 2e-3
"""Seconds that a fit takes in a trial of low rank, at least."""
TRY_THINNED = 8e-3
"""Seconds that a fit takes in a trial of thinning, at least."""
START = 1.0
"""Seconds that the first engine of a task takes to be found and to start."""
PROOF = 1.3
"""Seconds that the engines of a proof take to start."""
FEWEST, MOST = 8, 64
"""Inputs that trials run on."""
WINDOWS = 256
"""Windows of each input that trials look at."""
SEEN = 64
"""Windows of each input that fits look at."""
ENOUGH = 4
"""Times as many rows as unknowns that a layer needs to be fitted."""
BEHIND = 0.5
"""Share of a pass that a trial runs for a cut: what lies behind it."""
CUTS = 2
"""Cuts that are tried of a layer where none behind it is fitted; else it is one."""
LONG, SMALL = 1e10, 64e6
"""MACs of all trials from which on, and bytes of weights up to which, two go on at once."""
AT_ONCE = 0.6
"""What they take then: engines and fits share what they move."""
WIDEST = 3000
"""Unknowns of the widest layer whose channels are ranked by fits."""
TRIED_THINNED = 64
"""Inputs that trials of thinning run on, about."""
JUDGED, DRAWN, JUDGED_LARGE = 5, 9, 2
"""Passes over its inputs that a proof takes, of all models together; over random ones, to which
small ones come; and of large models, of which the front that both have runs once."""
LARGE = 64e6
"""Bytes of weights beyond which a model is large."""
NETS = 6
"""Nets that are planned and measured, about, until the smallest that loses little is found."""


class Matrix(NamedTuple):
    """A layer seen as products.

    Attributes:
        name: Of the layer.
        type: Of the layer.
        width: Length of a row that it reads.
        outputs: Of a product.
        groups: How many products there are.
        places: Windows of an input; 1 for an InnerProduct.
    """

    name: str
    type: str
    width: int
    outputs: int
    groups: int
    places: int

    @property
    def spectrum(self) -> float:
        """Multiplications of the Gram matrices of its weights."""
        long, short = max(self.width, self.outputs), min(self.width, self.outputs)
        return float(self.groups) * long * short**2


@dataclass(frozen=True)
class Workload:
    """What of a net makes work.

    Attributes:
        macs: Of a forward pass of one input.
        passing: Seconds of it.
        bytes: Of its weights.
        matrices: The layers that have some.
    """

    macs: float = 0.0
    passing: float = 0.0
    bytes: float = 0.0
    matrices: Tuple[Matrix, ...] = ()

    @classmethod
    def of(cls, model: Model) -> Workload:
        """Look at the shapes of a model; no weights are read.

        Where something is wrong with it, that is no work: whoever does the work will say so.
        """
        try:
            return cls._of(model)
        except NetsurgeryError:
            return cls()

    @classmethod
    def _of(cls, model: Model) -> Workload:
        network, cost, batch = model.network(), total_cost(model), declared_batch(model)
        shapes = infer_shapes(network, weights=model.weights)
        matrices, moved = [], sum(math.prod(shape) for shape in shapes.values() if shape) / batch
        for layer in network.layers:
            blobs = model.blobs(layer.name)
            if not blobs or layer.layer_type.product not in ROW_PRODUCTS:
                continue
            product = MatrixProduct.find(layer, shapes.get(layer.bottoms[0]))
            if product is None or not product.width:
                continue
            width, groups, places = product.width, product.groups, product.places
            outputs = blobs[0].count // (width * groups)
            matrices.append(Matrix(layer.name, layer.type, width, outputs, groups, places))
            if layer.layer_type.product is Product.CONVOLUTION:
                moved += width * groups * places
        macs = (cost.macs or 0) / batch
        passing = macs / PASS + moved * MOVED + len(network.layers) * LAYER
        return cls(macs, passing, 4.0 * (cost.params or 0), tuple(matrices))

    @property
    def layers(self) -> int:
        """How many layers have a matrix."""
        return len(self.matrices)

    @property
    def channels(self) -> int:
        """That all these layers make."""
        return sum(one.groups * one.outputs for one in self.matrices)

    @property
    def spectra(self) -> float:
        """Seconds of the singular values of all these layers."""
        return sum(one.spectrum for one in self.matrices) / SPECTRUM

    def budget(self, inputs: Optional[int], score: str, joint: int = 1) -> Seconds:
        """Return the seconds of planning for a budget, within its task.

        Args:
            inputs: How many there are to fit to; None for none.
            score: What forms are scored by.
            joint: How many nets are carried out and measured.
        """
        if not inputs:
            return {("choices",): self.spectra + (self.layers + 10) * FORMS_ALONE}
        found: Seconds = {}
        tried = score == "effect"
        if tried:
            found["trials",] = self._tried(inputs)
        gathered = inputs * self.passing + (0.0 if tried else START)
        found["choices",] = gathered + self.spectra + self.layers * FORMS
        if joint:
            for path, seconds in self.rewriting(inputs).items():
                found[("joint result",) + path] = joint * seconds
            found["joint result", "running"] = joint * inputs * self.passing
        return found

    def _tried(self, inputs: int) -> float:
        """Seconds of cutting each layer alone, with the layers behind it fitted."""
        fitted = [
            one
            for one in self.matrices
            if inputs * min(one.places, SEEN) >= ENOUGH * one.width and one.groups < one.width
        ]
        wanted = [-(-ENOUGH * one.width // min(one.places, WINDOWS)) for one in fitted]
        few = min(inputs, MOST, max([FEWEST, *wanted]))
        rows = {one.name: few * min(one.places, WINDOWS) for one in fitted}
        products = sum(rows[one.name] * one.groups * one.width**2 for one in fitted) / PRODUCT
        inverses = sum(one.groups * one.width**3 for one in fitted) / 3 / INVERSE
        components = sum(one.groups * one.outputs**3 for one in self.matrices) / INVERSE
        # Half of the layers stand behind one.
        cuts = 1 + (CUTS - 1) * (1 - len(fitted) / max(self.layers, 1))
        each = (
            cuts * few * self.passing * BEHIND + (products + inverses) / 2 + self.layers * TRY / 2
        )
        seconds = self.layers * each + components
        long = self.macs * few * self.layers > LONG and self.bytes < SMALL
        return START + seconds * (AT_ONCE if long else 1.0)

    def rewriting(self, inputs: Optional[int]) -> Seconds:
        """Return the seconds of carrying a plan out, fitted to inputs or to weights alone."""
        leading = sum(one.spectrum for one in self.matrices) / LEADING
        if not inputs:
            return {("rewriting",): leading + (self.layers + 10) * FORMS_ALONE / 2}
        # Each layer is fitted to what reaches it, which the layers in front made before.
        return {("rewriting",): START / 2 + inputs * self.passing + self.layers * FIT + leading}

    def thinning(self, inputs: Optional[int]) -> Seconds:
        """Return the seconds of choosing channels, within the task of planning."""
        if not inputs:
            return {("rankings",): self.layers * FORMS_ALONE + self.bytes / COPY}
        few = min(inputs, TRIED_THINNED)
        widths = [one for one in self.matrices if one.width <= WIDEST]
        ranked = sum(one.groups * one.width**3 for one in widths) / INVERSE
        products = sum(
            inputs * min(one.places, SEEN) * one.groups * one.width**2 for one in self.matrices
        )
        fits = self.layers * (self.layers * TRY_THINNED / 2 + few * self.passing)
        return {
            ("moments",): START + inputs * self.passing + products / PRODUCT,
            ("rankings",): ranked + self.layers * FORMS / 4,
            ("trials",): fits + ranked,
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
        return {("writing",): self.bytes / COPY}

    def proof(self, inputs: Optional[int], drawn: bool = False) -> Seconds:
        """Return the seconds of a proof.

        Args:
            inputs: How many it runs; None where nothing is run.
            drawn: They are random ones.
        """
        found: Seconds = {
            ("proof", "reading back"): self.bytes / COPY,
            ("proof", "measuring errors"): self.spectra / 10 + self.bytes / COPY,
        }
        if inputs is not None:
            found["proof", "running"] = self.comparing(inputs, drawn)
        return found

    def comparing(self, inputs: int, drawn: bool = False) -> float:
        """Return the seconds of running two nets on inputs, and of measuring float noise."""
        passes = JUDGED_LARGE if self.bytes > LARGE else DRAWN if drawn else JUDGED
        return PROOF + passes * inputs * self.passing + 2 * self.bytes / LOAD


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
        # What rank keeps so much, or errs so little, the spectra tell.
        ruled = _ruled(work, request, ("energy", "error"))
        return within("planning", {("layers",): replace(work, matrices=ruled).spectra})
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
    again = sum(work.rewriting(inputs).values()) + work.comparing(inputs or FEWEST)
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
        searched = isinstance(request, BudgetedRequest) and request.searched is not None
        changed = work if searched else replace(work, matrices=_ruled(work, request))
        found.update(changed.rewriting(inputs))
    return {
        **found,
        **work.writing(),
        **work.proof(judged, not inputs and vars(request).get("inputs") is None),
    }


def _ruled(
    work: Workload, request: CalibratedRequest, kinds: Sequence[str] = ("rank", "energy", "error")
) -> Tuple[Matrix, ...]:
    """The layers that rules of these kinds are for; all if there are no rules at all."""
    from netsurgery.jobs.layer_rules import rules_of

    told = vars(request)
    given = {kind: told[kind] for kind in ("rank", "energy", "error") if kind in told}
    given = {kind: one for kind, one in given.items() if not isinstance(one, tuple) or one}
    if not given:
        return work.matrices
    try:
        rules = [rule for kind in kinds if kind in given for rule in rules_of(kind, given[kind])]
    except NetsurgeryError:
        return ()
    return tuple(one for one in work.matrices if any(r.selects(one.name, one.type) for r in rules))
