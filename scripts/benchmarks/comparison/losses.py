"""What compressed nets lose on the half of the inputs that did not calibrate them."""

from __future__ import annotations

import fnmatch
from typing import Iterator, List

import numpy as np

from benchmarks.comparison.bench import Bench, Command, NotHereError, Row, seconds
from benchmarks.comparison.judged_nets import JudgedNet, Losses, judged_nets, more_lost

MINUTES = 8.0
ERRORS = 1.645
"""Standard errors: one drawing in twenty goes further by chance in one direction."""


def measure(bench: Bench) -> Iterator[Row]:
    """Hold what this build loses against what the other one does."""
    for net in judged_nets():
        if not fnmatch.fnmatch(net.name, bench.setting.pairs):
            continue
        try:
            command = net.command(bench)
        except NotHereError as reason:
            yield Row(f"lost of {net.name}", "", "", "", "no more", None, str(reason))
            continue
        yield _row(net, bench, command)


def _row(net: JudgedNet, bench: Bench, command: Command) -> Row:
    # How long it takes is of no matter here, so a figure from a busy machine does.
    ours, theirs = (
        bench.measured(side, command, quiet=False) for side in (bench.ours, bench.theirs)
    )
    new, old = _lost(net, bench, command)
    more, error = more_lost(old, new)
    draws = len(np.unique(new.clusters))
    photos = "" if draws == len(new.lost) else f" of {draws} photos"
    return Row(
        f"lost of {net.name} on inputs that did not calibrate it",
        f"{old.share:.2%}",
        f"{new.share:.2%}",
        f"{more * 100:+.2f} points, standard error {error * 100:.2f}",
        f"no more, within {ERRORS:g} standard errors",
        more <= ERRORS * error,
        f"Lost of {net.name}: {net.lost}, on {len(new.lost)} inputs{photos}. {command.title}: "
        f"{seconds(theirs.seconds)} and {seconds(ours.seconds)}.",
    )


def _lost(net: JudgedNet, bench: Bench, command: Command) -> List[Losses]:
    """What is lost of this build's net and of the other's, judged unless that is known."""
    key = ["lost", bench.ours.digest, bench.theirs.digest, command.name, bench.setting.model.scale]
    known = bench.kept.get(key)
    if known is None:
        folders = [bench.folder(side, command) for side in (bench.ours, bench.theirs)]
        found = net.losses(bench, folders)
        known = [[one.lost.tolist(), one.whole, one.clusters.tolist()] for one in found]
        bench.kept.add(key, known)
    return [Losses(np.array(lost), whole, np.array(each)) for lost, whole, each in known]
