"""Groups of channels as a tree."""

from __future__ import annotations

from typing import Iterable, Iterator, List, Sequence, Tuple

import numpy as np

from netsurgery.network import ChannelGroup, Cut, Layer

_MOST_NUMBERS = 8

Branch = Tuple[str, List[str]]


def describe_group(group: ChannelGroup) -> str:
    """Draw a group: who makes the channels, whom they pass, who reads them, what stays."""
    lines = [_heading(group)]
    branches = list(_branches(group))
    for number, (title, leaves) in enumerate(branches):
        last = number + 1 == len(branches)
        lines.append(f"{'└' if last else '├'}── {title}")
        stem = "    " if last else "│   "
        lines += [f"{stem}{'└' if leaf is leaves[-1] else '├'}── {leaf}" for leaf in leaves]
    return "\n".join(lines)


def _heading(group: ChannelGroup) -> str:
    text = f"{group.name}: {group.channels} channel{'s' if group.channels > 1 else ''}"
    if group.blocked:
        return f"{text}, all must stay"
    if group.pinned:
        return f"{text}, {len(group.pinned)} must stay: {numbers(sorted(group.pinned))}"
    return text


def _branches(group: ChannelGroup) -> Iterator[Branch]:
    inputs = sorted(set(group.origins) - {layer.name for layer in group.producers + group.carriers})
    made = [*(f"{name} (from outside)" for name in inputs), *_layers(group, group.producers)]
    yield from _branch("made by", made)
    yield from _branch("carried by", _layers(group, group.carriers))
    yield from _branch("passed on by", [f"{one.name} ({one.type})" for one in group.through])
    yield from _branch("read by", _layers(group, group.consumers))
    yield from _branch("stay because", group.reasons)
    yield from _branch("not exact", group.approximate.split("; ") if group.approximate else ())
    yield from _branch("equal counts in each of", [_rows(rows) for rows in group.balanced])


def _branch(title: str, leaves: Iterable[str]) -> Iterator[Branch]:
    leaves = list(dict.fromkeys(leaves))
    if leaves:
        yield title, leaves


def _layers(group: ChannelGroup, layers: Iterable[Layer]) -> Iterator[str]:
    for layer in layers:
        cuts = [cut for cut in group.members if cut.layer is layer]
        yield f"{layer.name} ({layer.type}): {', '.join(map(_cut, cuts))}"


def _cut(cut: Cut) -> str:
    owned = np.unique(cut.channels[cut.channels >= 0], return_counts=True)[1]
    least, most = int(np.min(owned)), int(np.max(owned))
    share = f", {least} a channel" if least == most > 1 else ""
    whole = "" if np.min(cut.channels) >= 0 else f", {np.sum(owned)} of {cut.channels.size}"
    return f"{cut.layer.layer_type.name_blob(cut.layer, cut.blob)} axis {cut.axis}{share}{whole}"


def _rows(rows: np.ndarray) -> str:
    return " | ".join(numbers(row.tolist()) for row in rows)


def numbers(channels: Sequence[int]) -> str:
    """Write numbers down in short, with an ellipsis after some.

    >>> numbers([0, 1, 2, 3, 8, 9])
    '0-3, 8, 9'
    """
    runs: List[List[int]] = []
    for channel in channels:
        if runs and channel == runs[-1][-1] + 1:
            runs[-1].append(channel)
        else:
            runs.append([channel])
    texts = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return ", ".join(texts[:_MOST_NUMBERS] + ["..."] * (len(texts) > _MOST_NUMBERS))
