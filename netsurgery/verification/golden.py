"""Golden files: what a model computed, to be checked on another machine or in another year."""

from __future__ import annotations

from typing import Mapping, Optional

from netsurgery.calibration import (
    Inputs,
    common_batch,
    input_shapes,
    open_model,
    random_inputs,
)
from netsurgery.engine import EngineLike, choose
from netsurgery.errors import FormatError
from netsurgery.formats import scratch_folder, sha256_of
from netsurgery.network import Model, Network, Value, scores_of
from netsurgery.verification.comparison import Comparison, choose_kinds, choose_scored
from netsurgery.verification.golden_file import Golden, PathLike, read_golden
from netsurgery.verification.models import check_inputs
from netsurgery.verification.noise import NoiseMeter
from netsurgery.verification.pairing import Lost, Outputs
from netsurgery.verification.quality import compare_quality
from netsurgery.verification.tallies import DetectionTally
from netsurgery.verification.unmoved import fed_values
from netsurgery.verification.verdict import Demand, Verification


def save_golden(
    model: Model,
    path: PathLike,
    *,
    inputs: Optional[Inputs] = None,
    count: int = 8,
    seed: int = 0,
    engine: EngineLike = None,
) -> Golden:
    """Run a model and write what it computes to a golden file, see `golden_file`.

    Args:
        model: The model.
        path: The file to write.
        inputs: What to run it on; random inputs if None.
        count: Number of random inputs.
        seed: Seed of random inputs and of the noise.
        engine: An engine or its name; the first that can run the model if None.

    Returns:
        What was written.

    Raises:
        VerificationError: The model cannot run on these inputs.
        EngineError: There is no engine, or it refuses the model.
        FormatError: The file cannot be written.
    """
    network = model.network()
    inputs = inputs or random_inputs(network, count, seed)
    check_inputs(network, inputs)
    chosen = choose(engine, [network])
    outputs, scores = _outputs(network), _scores(network)
    values = {**scores, **outputs}
    size, apart = common_batch(inputs, network)
    with open_model(chosen, model) as runner:
        shapes = {name: runner.shape(value) for name, value in outputs.items()}
        compared = compare_quality(network, outputs, shapes, (), Demand(), None)
        kinds = choose_kinds(values, compared.kinds, shapes)
        meter = NoiseMeter(runner, values, kinds, apart=apart, seed=seed)
        runs = []
        for batch in inputs.batches(size):
            runs.append(runner.run(batch, values))
            meter.add(batch, runs[-1])
    engine_used = (chosen.name, chosen.probe().version)
    golden = Golden(
        inputs,
        size,
        tuple(runs),
        kinds,
        meter.noise(),
        frozenset(outputs),
        engine_used,
        _digests(model),
    )
    golden.write(path)
    return golden


def verify_golden(
    model: Model,
    path: PathLike,
    *,
    engine: EngineLike = None,
    expect: str = "approx",
    max_error: Optional[float] = None,
    min_agreement: Optional[float] = None,
    output: Optional[str] = None,
    output_kinds: Optional[Mapping[str, str]] = None,
    accept_loss: bool = False,
) -> Verification:
    """Compare what a model computes with a golden file.

    The file takes the place of the first model of `verify`: it tells the inputs, the
    outputs and the float noise.

    Args:
        model: The model.
        path: The golden file.
        engine: An engine or its name; the first that can run the model if None.
        expect: ``"exact"`` or ``"approx"``, see `Demand`.
        max_error: Largest relative error that passes.
        min_agreement: Smallest agreement that passes, see `Demand`.
        output: The output that labels are for, where more than one can hold class scores.
        output_kinds: What outputs are, by blob, where the net does not tell; see `KINDS`.
        accept_loss: Let outputs pass that are lost by the table of limits.

    Raises:
        FormatError: It is no golden file.
        VerificationError: The model takes other inputs.
        EngineError: There is no engine, or it refuses the model.
    """
    demand = Demand(expect, max_error, min_agreement, accept_loss, dict(output_kinds or {}))
    golden = read_golden(path)
    network = model.network()
    inputs = golden.inputs
    check_inputs(network, inputs)
    if golden.size > max(len(inputs), next(iter(input_shapes(network).values()))[0]):
        raise FormatError(f"the model does not take {golden.size} samples at once", file=path)
    chosen = choose(engine, [network])
    outputs = {name: v for name, v in _outputs(network).items() if name in golden.outputs}
    scores = {name: v for name, v in _scores(network).items() if name in golden.kinds}
    values = {**scores, **outputs}
    shown = set(values if outputs and expect == "exact" else outputs)
    shapes = {name: golden.runs[0][name].shape for name in outputs}
    scored = choose_scored(shapes, inputs.labels is not None, output)
    compared = compare_quality(network, outputs, shapes, scores.values(), demand, scored)
    kinds = {name: golden.kinds[name] for name in values}
    told = choose_kinds(outputs, compared.kinds, shapes)
    kinds.update((name, kind) for name, kind in told.items() if kinds[name] is not DetectionTally)
    fed = fed_values(network)
    moving = [name for name, value in values.items() if value in fed]
    comparison = Comparison(kinds, scored, fed=moving)
    with open_model(chosen, model) as runner:
        for run, batch in zip(golden.runs, inputs.batches(golden.size)):
            made = runner.run(batch, values)
            comparison.add(run, made, batch.labels)
            compared.add(run, made, batch.count)
    rows, accuracy = comparison.rows(golden.noise, outputs), comparison.accuracy()
    unmatched = Outputs(
        tuple(Lost(name) for name in sorted(golden.outputs.difference(_outputs(network)))),
        tuple(sorted(set(_outputs(network)) - golden.outputs)),
    )
    return Verification(
        demand,
        chosen.name,
        chosen.probe().version,
        f"{inputs.description}, golden file {path}",
        inputs.sha256,
        len(inputs),
        tuple(row for row in rows if row.blob in shown),
        accuracy,
        unmatched,
        compared.verdict(rows, accuracy, inputs, demand, [one.blob for one in unmatched.lost]),
    )


def _outputs(network: Network) -> dict[str, Value]:
    return {value.blob: value for value in network.outputs}


def _scores(network: Network) -> dict[str, Value]:
    return {f"{value.blob}@{value.version}": value for value in scores_of(network)}


def _digests(model: Model) -> dict[str, str]:
    """Return the sha256 of the files of a model, as they would be written."""
    with scratch_folder() as folder:
        kinds = ("prototxt", "weights")
        return {kind: sha256_of(path) for kind, path in zip(kinds, model.save(folder))}
