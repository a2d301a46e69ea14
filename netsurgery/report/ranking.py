"""A ranking of channels as text."""

from __future__ import annotations

import math
from typing import Dict, List, Sequence, Tuple

import numpy as np

from netsurgery.network import ChannelGroup
from netsurgery.ranking import Correlation, Ranking
from netsurgery.report.console import print_table, print_text
from netsurgery.report.glossary import explained, is_term


def print_ranking(ranking: Ranking) -> None:
    """Print the scores of every channel, and how well the criteria predict the oracle."""
    for group in ranking.groups:
        _print_group(ranking, group)
    # Criteria of other packages may not say what they are.
    for line in explained([name for name in ranking.scores if is_term(name)]):
        print_text(line)
    if ranking.judged_by:
        print_text(f"The loss holds the outputs against {ranking.judged_by}.")
    if ranking.oracle is not None:
        loss, count = ranking.oracle.loss, ranking.oracle.samples
        print_text(f"Mean loss of the whole net on {count} inputs: {loss:.6g}")
        _print_table("the change of the mean loss, its magnitude", ranking.correlations())
        _print_table(
            "the change of each input's loss, the mean magnitude",
            ranking.correlations_of_examples(),
        )


def _print_group(ranking: Ranking, group: ChannelGroup) -> None:
    """A row for each channel, the one that matters least to the first criterion in front."""
    scores = {name: found[group.name] for name, found in ranking.scores.items()}
    changes = None if ranking.oracle is None else ranking.oracle.changes[group.name]
    first = next(iter(scores.values()))
    columns = [">channel", *(f">{name}" for name in scores)]
    if changes is not None:
        columns += [">loss grows by", ">magnitude"]
    rows = [
        [str(channel), *_cells([found[channel] for found in scores.values()])]
        + ([] if changes is None else _cells([changes[channel], abs(changes[channel])]))
        for channel in group.free[np.argsort(first[group.free], kind="stable")].tolist()
    ]
    stay = len(group.pinned)
    note = f", {stay} of {group.channels} must stay" if stay else ""
    print_table(columns, rows, title=f"{group.name}: {len(rows)} channels{note}")


def _cells(numbers: Sequence[float]) -> List[str]:
    return [f"{number:.4g}" for number in numbers]


def _print_table(truth: str, correlations: Dict[str, Correlation]) -> None:
    columns, rows = correlation_rows(correlations)
    print_table(
        columns,
        rows,
        title=f"Spearman's correlation with {truth}",
        legend=("mean of layers", "all layers", "all, l2"),
    )


def correlation_rows(
    correlations: Dict[str, Correlation],
) -> Tuple[Sequence[str], List[List[str]]]:
    """Return titles and rows of a table of correlations, a row for each criterion."""
    layers = next(iter(correlations.values())).layers
    columns = ["criterion", *(f">{name}" for name in layers)]
    rows = [
        [name, *map(_share, [*one.layers.values(), one.mean, one.raw, one.normalised])]
        for name, one in correlations.items()
    ]
    return [*columns, ">mean of layers", ">all layers", ">all, l2"], rows


def _share(number: float) -> str:
    return "-" if math.isnan(number) else f"{number:.3f}"
