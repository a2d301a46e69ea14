"""Every InnerProduct model of the zoo, factored by energy and at full rank."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import List, Optional

from zoo_data import ZooData
from zoo_pairs import Pair, find_pairs

import netsurgery as ns
from netsurgery.calibration import input_shapes
from netsurgery.methods import low_rank_method
from netsurgery.planning.low_rank import LowRankRequest, candidates, plan_low_rank
from netsurgery.planning.rules import parse_rule
from netsurgery.verification.verdict import largest_noise

TITLE = "Low rank: InnerProduct layers"
_ENERGIES = ("0.9", "0.99")
_COLUMNS = (
    *("weights", "data", "accuracy"),
    *("ranks at 0.9", "size", "accuracy", "error", "OpenCV"),
    *("ranks at 0.99", "size", "accuracy", "error", "OpenCV"),
    "full rank",
)

_INTRODUCTION = """\
Every InnerProduct model of the zoo, factored by energy, the written pair loaded and run by real
Caffe (BVLC 1.0) against the original, without training. *size* is the written weights file against
the original's; *error* is the largest relative error of any output in real Caffe; *OpenCV* is that
error there, a dash where OpenCV cannot run the original either. *full rank*: every InnerProduct
layer factored at full rank must give outputs equal to float noise.

Classifying heads are factored like any other layer here. The smallest rank that keeps 0.9 of
the energy of a 10-way head is about 8 of 10: it saves next to nothing and costs accuracy, so
`--keep` them.
"""


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    rows: List[List[str]] = []
    refused = []
    for pair in find_pairs(zoo, with_inner_product=True):
        print(pair.name, file=sys.stderr)
        try:
            rows.append(_examine(pair, ZooData(data, zoo)))
        except ns.NetsurgeryError as error:
            refused.append(f"- `{pair.name}`: {str(error).replace(str(zoo), 'zoo')}")
    return "\n".join(
        [
            _INTRODUCTION,
            f"| {' | '.join(_COLUMNS)} |",
            "|" + "---|" * len(_COLUMNS),
            *(f"| {' | '.join(row)} |" for row in rows),
            "\nRefused, nothing written:\n",
            *refused,
        ]
    )


def _examine(pair: Pair, data: ZooData) -> List[str]:
    model = ns.load(*pair)
    (blob,) = input_shapes(model.network())
    folder = pair.weights.parent.name
    inputs = data.inputs(pair.weights, blob)
    judged = ns.CompressRequest(inputs=inputs, task_output=data.task_output(folder))
    row = [pair.name, inputs.description if inputs else "random inputs"]
    cells: List[str] = []
    before: Optional[str] = None
    for energy in _ENERGIES:
        done, ranks = _compress(model, energy, judged)
        assert done.effect is not None, done.unproven
        accuracy = done.effect.accuracy
        before = f"{accuracy.before:.4f}" if accuracy else "-"
        cells += [
            ranks,
            f"{100 * done.sizes[1] / done.sizes[0]:.0f}%",
            f"{accuracy.after:.4f}" if accuracy else "-",
            f"{done.effect.error:.1e}{_in_engine(done)}{'' if done else ' FAILED'}",
            _opencv(model, done, judged),
        ]
    return [*row, before or "-", *cells, _full_rank(model, judged)]


def _compress(model: ns.Model, energy: str, judged: ns.CompressRequest) -> tuple:
    plan = plan_low_rank(
        model, LowRankRequest([parse_rule("energy", energy)], method="svd", predict=False)
    )
    ranks = ", ".join(f"{edit.layer} {edit.options['rank']}" for edit in plan.edits) or "none"
    with tempfile.TemporaryDirectory() as folder:
        done = ns.compress(model, replace(judged, plan=plan), folder)
    if done.unproven:
        raise ns.NetsurgeryError(done.unproven)
    return done, ranks


def _in_engine(done: ns.Compression) -> str:
    """Name the engine where it is not real Caffe."""
    assert done.effect is not None
    return "" if done.effect.engine == "caffe" else f" ({done.effect.engine})"


def _opencv(model: ns.Model, done: ns.Compression, judged: ns.CompressRequest) -> str:
    """Run the pair in OpenCV; a few inputs do."""
    few = _first(judged, 100)
    try:
        request = ns.VerifyRequest(inputs=few, engine="opencv", task_output=judged.task_output)
        seen = ns.verify(model, done.surgery.model, request)
    except ns.NetsurgeryError:
        return "-"
    return f"{seen.error:.1e}"


def _first(judged: ns.CompressRequest, count: int) -> Optional[ns.Inputs]:
    assert judged.inputs is None or isinstance(judged.inputs, ns.Inputs)
    return None if judged.inputs is None else judged.inputs.first(count)


def _full_rank(model: ns.Model, judged: ns.CompressRequest) -> str:
    """Factor every layer at full rank: outputs must be equal to float noise."""
    svd = low_rank_method("svd")
    edits = [
        ns.Edit(name, "svd", {"rank": min(model.blobs(name)[0].shape[-2:])})
        for name, _ in candidates(model, svd)
    ]
    few = replace(judged, inputs=_first(judged, 200), plan=ns.Plan(tuple(edits)))
    with tempfile.TemporaryDirectory() as folder:
        seen = ns.compress(model, few, folder).effect
    equal = seen is not None and all(row.error <= largest_noise(row) for row in seen.blobs)
    return f"{'exact' if equal else 'DIFFERS'} ({seen.error:.0e})" if seen else "-"
