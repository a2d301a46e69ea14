"""Running two models on the same inputs to see how far they are apart."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Iterator, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from netsurgery.calibration import (
    Inputs,
    Runner,
    SessionPool,
    common_batch,
    random_inputs,
)
from netsurgery.engine import Engine, EngineLike
from netsurgery.errors import EngineError, NetworkError, NoJudgeError, VerificationError
from netsurgery.network import Model, Network, Value, find_misfits, require_fit, scores_of
from netsurgery.quality import GOOD, OutputQuality, Quality, unjudged
from netsurgery.verification.accuracy import Accuracy
from netsurgery.verification.comparison import (
    BlobComparison,
    Comparison,
    choose_kinds,
    choose_scored,
)
from netsurgery.verification.divergence import BlobTrace
from netsurgery.verification.front import FrontRuns, Recorded, opened
from netsurgery.verification.judges import ask_judge, require_steady
from netsurgery.verification.noise import NoiseMeter, with_small_ones
from netsurgery.verification.pairing import (
    Pair,
    Wanted,
    choose_pairs,
    match_outputs,
    pair_known,
    pair_values,
)
from netsurgery.verification.parts import alike
from netsurgery.verification.quality import compare_quality
from netsurgery.verification.tallies import Blobs
from netsurgery.verification.trace import trace_of
from netsurgery.verification.unmoved import fed_values
from netsurgery.verification.verdict import Demand, Verification, is_noise

_TOLD = 3
"""Changes that are named where a net cannot run."""
Kept = Mapping[Value, tuple[int, np.ndarray]]


class Findings(NamedTuple):
    """What came of running two models, and what they were run on."""

    rows: tuple[BlobComparison, ...]
    accuracy: Optional[Accuracy]
    quality: Quality
    ran: Optional[str] = None
    trace: Optional[BlobTrace] = None


class ComparisonTask(NamedTuple):
    """What to compare.

    Attributes:
        pairs: The values to compare.
        known: All values that belong together.
        inputs: What to run the models on.
        seed: Seed of the noise.
        output: The output that labels are for.
        kept: What is compared of values of the first net.
        demand: What was asked.
        wanted: Which blobs were asked for.
        missing: Outputs that only the original has.
        fine: Whether every sample and channel is looked at alone.
    """

    pairs: Sequence[Pair]
    known: Sequence[Pair]
    inputs: Inputs
    seed: int
    output: Optional[str]
    kept: Kept
    demand: Demand
    wanted: Wanted
    missing: Sequence[str]
    fine: bool


def verify(
    a: Model,
    b: Model,
    *,
    inputs: Optional[Inputs] = None,
    count: int = 8,
    seed: int = 0,
    engine: EngineLike = None,
    expect: str = "approx",
    blobs: Wanted = "outputs",
    max_error: Optional[float] = None,
    min_agreement: Optional[float] = None,
    output: Optional[str] = None,
    kept: Optional[Kept] = None,
    origins: Optional[Mapping[Value, Value]] = None,
    output_kinds: Optional[Mapping[str, str]] = None,
    accept_loss: bool = False,
    sessions: Optional[SessionPool] = None,
    fronts: Optional[FrontRuns] = None,
    trace: bool = False,
) -> Verification:
    """Run two models on the same inputs and compare what they compute.

    With ``"approx"``, outputs that are lost by the table of limits (`netsurgery.quality.limits`)
    do not pass; where no limit is given here, they must be judged: random inputs say nothing of
    quality, and what comes of them passes only if it is equal up to float noise.

    Blobs are compared as values: a blob that layers compute in place on is compared before
    and after each of them. Blobs belong together by what makes them, not by their names; but every
    output of the first net must be one of the second, under its name.

    Args:
        a: The original; errors are relative to it, and it tells the float noise.
        b: The other one.
        inputs: What to run them on; random inputs if None.
        count: Number of random inputs.
        seed: Seed of random inputs and of the noise.
        engine: An engine or its name; the first that can run both models if None.
        expect: ``"exact"`` or ``"approx"``, see `Demand`.
        blobs: ``"outputs"``, ``"common"`` (all that both have), or names, see `choose_pairs`.
            With ``"exact"``, what a Softmax or Sigmoid makes an output of counts as output too.
        max_error: Largest relative error that passes.
        min_agreement: Smallest agreement that passes, see `Demand`.
        output: The output that labels are for, where more than one can hold class scores.
        kept: For values of the first net of which the other one keeps a part: an axis, and the
            entries along it that are compared.
        origins: How the second net came of the first, if that is known: for its values, where they
            stood in the first, if not under their own name and version.
        output_kinds: What outputs are, by blob, where the net does not tell; see `KINDS`.
        accept_loss: Let outputs pass that are lost by the table.
        sessions: Where models stay open for the next comparison; else they are closed.
        fronts: What was run before of what large nets begin with. Where they do the same, bit for
            bit, up to somewhere, only the second is run up to there, and no blob before that is
            compared. If None, both are run whole, however large.
        trace: Whether to compare all that both have in common, too, and to say where differences
            begin. That is done in any case where they are to be exact and are not.

    Raises:
        VerificationError: The models cannot be compared on these inputs.
        NetworkError: They are to be exact, and the weights of the second are not those of its text.
        EngineError: There is no engine, or it refuses a model.
    """
    demand = Demand(expect, max_error, min_agreement, accept_loss, dict(output_kinds or {}))
    networks = a.network(), b.network()
    scores = scores_of(networks[0]) if expect == "exact" else ()
    if origins is None:
        known = pair_values(*networks, alike(a, b))
    else:
        known = pair_known(*networks, origins)
    pairs = choose_pairs(known, blobs, scores)
    fine = expect == "exact"
    if inputs is None:
        inputs = random_inputs(networks[0], count, seed)
        inputs = with_small_ones(networks[0], inputs) if fine else inputs
    for network in networks:
        check_inputs(network, inputs)
    if fine and not find_misfits(a):
        with _told_of_changes(a, b, known):
            require_fit(b)  # OpenCV runs what Caffe would not load, such as other groups
    unmatched = match_outputs(*networks, known)
    missing = [one.blob for one in unmatched.lost]
    task = ComparisonTask(
        pairs, known, inputs, seed, output, kept or {}, demand, blobs, missing, fine
    )

    run = _Run((a, b), task, sessions, fronts, trace)
    try:
        with _told_of_changes(a, b, known):
            chosen, found = ask_judge(engine, networks, run.findings)
        ran_by = chosen.name, chosen.probe().version
        ran = found.ran or inputs.description
    except NoJudgeError as error:
        if not _identical(a, b):
            raise
        found, ran_by = _equal(pairs), ("no engine", "")
        ran = f"nothing was run, as both are the same, bit for bit; {error.problem}"
    told = (ran, inputs.sha256, len(inputs), found.rows, found.accuracy, unmatched)
    return Verification(demand, ran_by[0], ran_by[1], *told, found.quality, found.trace)


@contextlib.contextmanager
def _told_of_changes(a: Model, b: Model, known: Sequence[Pair]) -> Iterator[None]:
    """Have an error that says that a net cannot run tell what is otherwise in the second."""
    try:
        yield
    except (EngineError, NetworkError) as error:
        changes = trace_of(a, b, known, ()).changes
        if changes:
            other = f"of the second net, {', '.join(changes[:_TOLD])}"
            error.remedy = other if error.remedy is None else f"{error.remedy}; {other}"
        raise


class _Run(NamedTuple):
    """Two models to be run by whoever may judge them."""

    models: Tuple[Model, Model]
    task: ComparisonTask
    sessions: Optional[SessionPool]
    fronts: Optional[FrontRuns]
    trace: bool

    def findings(self, judge: Engine) -> Findings:
        """Run both, and say what they have in common where that was asked for or is to be told."""
        task, wanted = self.task, self.task.wanted
        if not any(pair.output for pair in task.pairs) and wanted in ("outputs", "common"):
            return Findings((), None, unjudged("there is no output to judge"))
        with contextlib.ExitStack() as stack:
            pool = self.sessions or stack.enter_context(SessionPool())
            side_by_side = opened(judge, pool, self.models, task.inputs, self.fronts)
            first, second, fed = stack.enter_context(side_by_side)
            task = task._replace(inputs=fed)
            found = _compare(first, second, task)
            failed = task.missing or not all(map(is_noise, found.rows))
            if self.trace or (task.fine and failed):
                return found._replace(trace=_traced(self.models, (first, second), task, found))
            return found


def check_inputs(network: Network, inputs: Inputs) -> None:
    """See that a net takes exactly the inputs there are.

    Raises:
        VerificationError: It does not.
    """
    wanted = sorted(value.blob for value in network.inputs)
    if wanted != sorted(inputs.arrays):
        raise VerificationError(
            f"the net's inputs are {wanted}, the samples are for {sorted(inputs.arrays)}",
            file=network.prototxt.file,
        )


def _compare(first: Runner, second: Union[Runner, Recorded], task: ComparisonTask) -> Findings:
    """Run both models on all inputs; the noise is that of the first."""
    inputs, kept = task.inputs, task.kept
    # The padding layers of V0 nets leave no value behind.
    known = {p.a: p for p in task.known if p.a in first.names and p.b in second.names}
    pairs = [pair for pair in task.pairs if pair.a in known]
    in_a = {pair.name: pair.a for pair in pairs}
    size, apart = common_batch(inputs, first.fed, second.fed)
    shapes = {pair.name: first.shape(pair.a) for pair in pairs if pair.output}
    scored = choose_scored(shapes, inputs.labels is not None, task.output)
    # What a user names is judged, whether it is an output or not.
    named = task.wanted not in ("outputs", "common")
    judged = {pair.name: pair.a for pair in pairs if pair.output or named}
    of_judged = {name: first.shape(value) for name, value in judged.items()}
    compared = compare_quality(first.network, judged, of_judged, known, task.demand, scored)
    sources = {str(one): one for values in compared.sources.values() for one in values}
    in_a, shown = {**sources, **in_a}, set(in_a)
    in_b = {name: known[value].b for name, value in in_a.items()}
    kinds = choose_kinds(in_a, compared.kinds, of_judged)
    fed = fed_values(first.network)
    moving = [name for name in in_a if in_a[name] in fed]
    comparison = Comparison(kinds, scored, task.fine, moving)
    places = {name: kept[value] for name, value in in_a.items() if value in kept}

    def cut(blobs: Blobs) -> Blobs:
        """Leave what the second net has."""
        return {
            name: array.take(places[name][1], places[name][0]) if name in places else array
            for name, array in blobs.items()
        }

    seed, fine = task.seed, task.fine
    meter = NoiseMeter(first, in_a, kinds, apart=apart, seed=seed, fine=fine, cut=cut)
    steady = False
    for batch in inputs.batches(size):
        original = first.run(batch, in_a)
        part = cut(original)
        new = second.run(batch, in_b)
        comparison.add(part, new, batch.labels)
        compared.add(part, new, batch.count)
        del new  # before the next values come: all that a net makes may be a lot
        meter.add(batch, part)
        if not steady:  # behind other inputs: an engine that is given the same again need not run
            require_steady(first.network, original, first.run(batch, in_a))
            steady = True
    rows = comparison.rows(meter.noise(), shapes, meter.fine())
    accuracy = comparison.accuracy()
    quality = compared.verdict(rows, accuracy, inputs, task.demand, task.missing)
    if task.demand.expect == "exact":
        shown.update(compared.behind)
    shown_rows = tuple(row for row in rows if row.blob in shown)
    return Findings(shown_rows, accuracy, quality, inputs.description)


def _traced(
    models: Tuple[Model, Model],
    runners: Tuple[Runner, Union[Runner, Recorded]],
    task: ComparisonTask,
    found: Findings,
) -> BlobTrace:
    """Compare whatever is common to both, where that was not done, and say where they part."""
    rows = found.rows
    whole = task.wanted == "common" and task.fine
    if not whole and not isinstance(runners[1], Recorded):  # what was recorded is told once
        demand = replace(task.demand, expect="exact")
        every = task._replace(pairs=task.known, wanted="common", fine=True, demand=demand)
        rows = _compare(*runners, every).rows
    return trace_of(*models, task.known, rows)


def _identical(a: Model, b: Model) -> bool:
    """Whether two models say the same and hold the same numbers, layer by layer."""
    first, second = a.network().layers, b.network().layers
    same = alike(a, b)
    return len(first) == len(second) and all(
        (one.name, one.bottoms, one.tops) == (other.name, other.bottoms, other.tops)
        and same(one, other)
        for one, other in zip(first, second)
    )


def _equal(pairs: Sequence[Pair]) -> Findings:
    """What is known of blobs that need not be run to be the same."""
    same = "both nets are the same, bit for bit"
    rows = (BlobComparison(0.0, 1.0, 0.0, 0.0, blob=one.name, output=one.output) for one in pairs)
    outputs = (OutputQuality(one.name, "output", same, GOOD) for one in pairs if one.output)
    return Findings(tuple(rows), None, Quality(tuple(outputs)))
