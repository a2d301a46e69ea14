"""Running two models on the same inputs to see how far they are apart."""

from __future__ import annotations

from typing import Callable, Mapping, Optional, Sequence

import numpy as np

from netsurgery.calibration import Inputs, random_inputs
from netsurgery.calibration.running import (
    EngineLike,
    Runner,
    common_batch,
    open_model,
)
from netsurgery.engines import Engine
from netsurgery.errors import NoJudgeError, VerificationError
from netsurgery.network.graph import Layer, Network, Value
from netsurgery.network.model import Model
from netsurgery.network.scores import scores_of
from netsurgery.verification.accuracy import Accuracy
from netsurgery.verification.comparison import (
    BlobComparison,
    Comparison,
    choose_kinds,
    choose_scored,
)
from netsurgery.verification.judges import ask_judge, require_steady
from netsurgery.verification.noise import NoiseMeter, with_small_ones
from netsurgery.verification.pairing import (
    Pair,
    Wanted,
    choose_pairs,
    match_outputs,
    pair_known,
    pair_values,
    same_text,
)
from netsurgery.verification.tallies import Blobs
from netsurgery.verification.verdict import Demand, Verification
from netsurgery.verification.written import same_numbers

Kept = Mapping[Value, tuple[int, np.ndarray]]
Findings = tuple[tuple[BlobComparison, ...], Optional[Accuracy]]


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
) -> Verification:
    """Run two models on the same inputs and compare what they compute.

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

    Raises:
        VerificationError: The models cannot be compared on these inputs.
        EngineError: There is no engine, or it refuses a model.
    """
    demand = Demand(expect, max_error, min_agreement)
    networks = a.network(), b.network()
    scores = scores_of(networks[0]) if expect == "exact" else ()
    if origins is None:
        known = pair_values(*networks, _alike(a, b))
    else:
        known = pair_known(*networks, origins)
    pairs = choose_pairs(known, blobs, scores)
    fine = expect == "exact"
    if inputs is None:
        inputs = random_inputs(networks[0], count, seed)
        inputs = with_small_ones(networks[0], inputs) if fine else inputs
    for network in networks:
        check_inputs(network, inputs)

    def run(judge: Engine) -> Findings:
        if not any(pair.output for pair in pairs) and blobs in ("outputs", "common"):
            return (), None
        with open_model(judge, a) as first, open_model(judge, b) as second:
            return _compare(first, second, pairs, inputs, seed, output, kept or {}, fine)

    ran = inputs.description
    try:
        chosen, found = ask_judge(engine, networks, run)
        ran_by = chosen.name, chosen.probe().version
    except NoJudgeError as error:
        if not _identical(a, b):
            raise
        found, ran_by = (_equal_rows(pairs), None), ("no engine", "")
        ran = f"nothing was run, as both are the same, bit for bit; {error.problem}"
    return Verification(
        demand,
        *ran_by,
        ran,
        inputs.sha256,
        len(inputs),
        *found,
        outputs=match_outputs(*networks, known),
    )


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


def _compare(
    first: Runner,
    second: Runner,
    pairs: Sequence[Pair],
    inputs: Inputs,
    seed: int,
    output: Optional[str],
    kept: Kept,
    fine: bool,
) -> Findings:
    """Run both models on all inputs; the noise is that of the first."""
    # The padding layers of V0 nets leave no value behind.
    pairs = [pair for pair in pairs if pair.a in first.names and pair.b in second.names]
    in_a = {pair.name: pair.a for pair in pairs}
    in_b = {pair.name: pair.b for pair in pairs}
    size, apart = common_batch(inputs, first.network, second.network)
    shapes = {pair.name: first.shape(pair.a) for pair in pairs if pair.output}
    kinds = choose_kinds(first.network, in_a, shapes)
    scored = choose_scored(shapes, inputs.labels is not None, output)
    comparison = Comparison(kinds, scored, fine)

    def cut(blobs: Blobs) -> Blobs:
        """Leave what the second net has."""
        places = {name: kept[value] for name, value in in_a.items() if value in kept}
        return {
            name: array.take(places[name][1], places[name][0]) if name in places else array
            for name, array in blobs.items()
        }

    meter = NoiseMeter(first, in_a, kinds, apart=apart, seed=seed, fine=fine, cut=cut)
    seen = None
    for batch in inputs.batches(size):
        original = first.run(batch, in_a)
        part = cut(original)
        comparison.add(part, second.run(batch, in_b), batch.labels)
        meter.add(batch, part)
        if seen is None:
            seen = original
            require_steady(first.network, original, first.run(batch, in_a))
    rows = comparison.rows(meter.noise(), shapes, meter.fine())
    return rows, comparison.accuracy()


def _identical(a: Model, b: Model) -> bool:
    """Whether two models say the same and hold the same numbers, layer by layer."""
    first, second = a.network().layers, b.network().layers
    alike = _alike(a, b)
    return len(first) == len(second) and all(
        (one.name, one.bottoms, one.tops) == (other.name, other.bottoms, other.tops)
        and alike(one, other)
        for one, other in zip(first, second)
    )


def _equal_rows(pairs: Sequence[Pair]) -> tuple[BlobComparison, ...]:
    """What is known of blobs that need not be run to be the same."""
    return tuple(
        BlobComparison(0.0, 1.0, 0.0, 0.0, blob=pair.name, output=pair.output) for pair in pairs
    )


def _alike(a: Model, b: Model) -> Callable[[Layer, Layer], bool]:
    """What tells whether two layers do the same, with the same numbers."""
    return lambda one, other: (
        same_text(one, other) and same_numbers(a.blobs(one.name), b.blobs(other.name))
    )
