"""A page of what a compression did, why, what it saves, what it costs, and the proof."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple, Union

from netsurgery.jobs import Compression, Shown
from netsurgery.network import Model, count_cost, infer_shapes
from netsurgery.report.asked import asked_lines, loss_lines
from netsurgery.report.compression import AS_PLANNED, saving_rows, verdict
from netsurgery.report.console import known, share, size
from netsurgery.report.html.document import (
    BAD,
    DOUBTFUL,
    GOOD,
    Fact,
    Lines,
    Nets,
    Page,
    PageSection,
    PageTable,
    Part,
    Plot,
    require_pages,
    save_page,
)
from netsurgery.report.html.graph_drawing import draw_net
from netsurgery.report.html.sentences import MOODS, change, worth
from netsurgery.report.html.spectra import spectra_section
from netsurgery.report.html.verification_page import along_section
from netsurgery.report.quality import STILL_GOOD
from netsurgery.report.verification import BLOB_COLUMNS, accuracy_line, blob_row, describe
from netsurgery.surgery import Step
from netsurgery.verification import LayerError


class _Saving(NamedTuple):
    """A layer of the original: what it costs, and what those cost that do its work now."""

    layer: str
    done: str
    params: Tuple[Optional[int], Optional[int]]
    macs: Tuple[Optional[int], Optional[int]]
    error: Optional[LayerError]

    @property
    def saved(self) -> Tuple[int, int]:
        """MACs and parameters that are gone; 0 where they are not known."""
        macs, params = (
            0 if None in pair else (pair[0] or 0) - (pair[1] or 0)
            for pair in (self.macs, self.params)
        )
        return macs, params


def write_page(
    done: Compression,
    path: Union[str, Path],
    flag: Callable[[str], str] = "`{}`".format,
    shown: Optional[Shown] = None,
) -> None:
    """Write the report of a compression as a page.

    Args:
        done: The compression.
        path: The page.
        flag: Names an argument of the library, in what there is to do.
        shown: What is shown beside it: the error along the net, and pictures.

    Raises:
        NetsurgeryError: A library that makes pages is not installed.
        FormatError: The file cannot be written.
    """
    require_pages()
    save_page(compression_page(done, flag, shown or Shown()), path)


def compression_page(done: Compression, flag: Callable[[str], str], shown: Shown) -> Page:
    """Return the report of a compression as a page.

    Args:
        done: The compression.
        flag: Names an argument of the library, in what there is to do.
        shown: What is shown beside it.
    """
    savings = layer_savings(done)
    sections = [
        _verdicts(done, flag),
        _why(done),
        _layers(done, savings),
        _nets(done),
        spectra_section(done.surgery.steps, [one.layer for one in savings]),
        _errors(done),
        _effect(done),
        _pictures(shown),
        _along(done, shown),
        _left(done),
        _origin(done),
    ]
    return Page(
        "thin" if any(_is_thinning(step) for step in done.surgery.steps) else "compress",
        f"{done.files[0].name}, made smaller",
        lead(done),
        mood(done),
        _facts(done),
        [section for section in sections if section is not None],
        ("What a net costs", "How far two nets are apart", "Verdicts"),
    )


def mood(done: Compression) -> str:
    """Return how a compression went, in one word of `netsurgery.report.html.document`."""
    return MOODS[done.quality.verdict] if done else BAD


def lead(done: Compression) -> str:
    """Return what was done and what came of it, in words that need no knowledge of nets."""
    before, after = done.costs
    parts = []
    if before.macs and after.macs is not None:
        parts.append(change(after.macs / before.macs, "computation for each answer"))
    if done.sizes[0]:
        kept = done.sizes[1] / done.sizes[0]
        sizes = f"{size(done.sizes[0])} before, {size(done.sizes[1])} now"
        parts.append(f"{change(kept, 'space on the disk')} ({sizes})")
    told = f"The network now needs {' and '.join(parts)}" if parts else "The network was rewritten"
    accuracy = None if done.effect is None else done.effect.accuracy
    if done.unproven:
        proof = "That the files hold what was meant was not proved."
    elif done.reasons:
        proof = "What was written is not what was planned: do not use it."
    else:
        proof = "It was proved that nothing else about it changed."
    return f"{told}; {worth(done.quality, accuracy)}. {proof}"


def _verdicts(done: Compression, flag: Callable[[str], str]) -> PageSection:
    """A block for each verdict; what explains it is moved in where it is printed."""
    moods = {
        AS_PLANNED: BAD if done.reasons else DOUBTFUL if done.unproven else GOOD,
        STILL_GOOD: MOODS[done.quality.verdict],
    }
    blocks: List[List[str]] = []
    for line in verdict(done, flag):
        if line.startswith(" ") and blocks:
            blocks[-1].append(line.strip())
        else:
            blocks.append([line])
    parts = [
        Lines(block, next((moods[word] for word in moods if block[0].startswith(word)), ""))
        for block in blocks
    ]
    return PageSection("Verdicts", parts)


def _facts(done: Compression) -> List[Fact]:
    facts = []
    pairs = [(one.params, one.macs, bytes_) for one, bytes_ in zip(done.costs, done.sizes)]
    whole: Optional[float]
    left: Optional[float]
    for number, row in enumerate(saving_rows(done)[1]):
        title, before, after, _ = row
        if number < len(pairs[0]):
            whole, left = pairs[0][number], pairs[1][number]
        else:
            expected = done.plan.expected
            whole, left = expected.whole["latency"], expected.left["latency"]
        ratio = left / whole if whole and left is not None else None
        facts.append(Fact(title, before, after, ratio))
    if done.effect is not None and done.effect.accuracy is not None:
        accuracy = done.effect.accuracy
        facts.append(Fact("accuracy", f"{accuracy.before:.2%}", f"{accuracy.after:.2%}"))
    return facts


def _why(done: Compression) -> Optional[PageSection]:
    lines = [*asked_lines(done.asked), *loss_lines(done.plan.expected)]
    return PageSection("What was asked", [Lines(lines)]) if lines else None


def _layers(done: Compression, savings: List[_Saving]) -> PageSection:
    if not savings:
        nothing = Lines(["No layer gains: the pair is written unchanged."])
        return PageSection("Layers", [nothing])
    total = done.costs[0].macs
    rows, shares = [], []
    for one in savings:
        part = max(0.0, one.saved[0] / total) if total else 0.0
        error = one.error
        predicted = None if error is None else error.predicted
        rows.append(
            (
                one.layer,
                share(one.saved[0], total),
                one.done,
                f"{known(one.macs[0])} → {known(one.macs[1])}",
                f"{known(one.params[0])} → {known(one.params[1])}",
                "-" if predicted is None else f"{predicted:.5f}",
                "-" if error is None else f"{error.measured:.5f}",
            )
        )
        shares.append(part)
    top = max(shares) or 1.0
    columns = (
        "layer",
        ">saves of the net's MACs",
        "what was done",
        ">MACs",
        ">weights",
        ">predicted error",
        ">measured error",
    )
    table = PageTable(columns, rows, shares=[part / top for part in shares])
    intro = "Those that save most come first. The errors are of the weights, the measured ones of "
    intro += "the files that were written."
    return PageSection("Layers", [table], intro)


def _left(done: Compression) -> Optional[PageSection]:
    rows = [(one.layer, one.reason) for one in done.plan.skipped]
    rows += [("-", f"lost in the upgrade to V2: {note}") for note in done.surgery.notes]
    rows += [
        (field, "no rule here knows it, which may change what the net computes")
        for field in done.unknown_fields
    ]
    return PageSection("Left alone", [PageTable(("what", "why"), rows)]) if rows else None


def layer_savings(done: Compression) -> List[_Saving]:
    """Return what each layer saves that was touched or costs less than before, most first."""
    home: Dict[str, str] = {}
    told: Dict[str, List[str]] = {}
    for step in done.surgery.steps:
        edit = step.rewrite.edit
        for name, pieces in step.rewrite.pieces.items():
            whole = home.get(name, name)
            home.update(dict.fromkeys(pieces, whole))
            own = name == edit.layer
            what = f"{edit.method}: {step.rewrite.result}" if own else f"with {edit.layer}"
            told.setdefault(whole, []).append(what.rstrip(": "))
    before = _costs(done.surgery.original, {})
    after = _costs(done.surgery.model, home)
    errors = {one.layer: one for one in done.layers}
    found = [
        _Saving(
            name,
            "; ".join(dict.fromkeys(told.get(name, ()))) or "reads less than before",
            (before.get(name, _NOTHING)[0], after.get(name, _NOTHING)[0]),
            (before.get(name, _NOTHING)[1], after.get(name, _NOTHING)[1]),
            errors.get(name),
        )
        for name in dict.fromkeys([*before, *after])
        if name in told or before.get(name, _NOTHING) != after.get(name, _NOTHING)
    ]
    return sorted(found, key=lambda one: one.saved, reverse=True)


_Cost = Tuple[Optional[int], Optional[int]]
_NOTHING: _Cost = (0, 0)


def _costs(model: Model, home: Dict[str, str]) -> Dict[str, _Cost]:
    """Parameters and MACs by the layer of the original whose work they do."""
    network = model.network()
    sums: Dict[str, _Cost] = {}
    for cost in count_cost(network, infer_shapes(network, weights=model.weights), model):
        name = home.get(cost.layer.name, cost.layer.name)
        params, macs = sums.get(name, _NOTHING)
        sums[name] = _plus(params, cost.params), _plus(macs, cost.macs)
    return sums


def _plus(one: Optional[int], other: Optional[int]) -> Optional[int]:
    return None if one is None or other is None else one + other


def _nets(done: Compression) -> Optional[PageSection]:
    surgery = done.surgery
    if not surgery.steps:
        return None
    models = surgery.original, surgery.model
    texts = [
        {layer.name: str(layer.parameter) for layer in model.network().layers} for model in models
    ]
    same = {
        name
        for name, text in texts[0].items()
        if texts[1].get(name) == text and name not in surgery.touched
    }
    titles = ("before", "after")
    drawn = [
        draw_net(model, set(text) - same, title)
        for model, text, title in zip(models, texts, titles)
    ]
    intro = "From the input above to the output below. What was rewritten has a thick frame and ◆."
    return PageSection("The net before and after", [Nets(*drawn)], intro)


def _is_thinning(step: Step) -> bool:
    return step.rewrite.edit.method == "thin"


def _errors(done: Compression) -> Optional[PageSection]:
    told = [one for one in done.layers if one.predicted is not None]
    if len(told) < 2:
        return None
    from netsurgery.report.html.plots import plot_pairs

    names = [one.layer for one in told]
    predicted = [one.predicted or 0.0 for one in told]
    svg = plot_pairs("errors", names, predicted, [one.measured for one in told])
    caption = "A cross within its ring: the files lose what the method said. A cross beside it "
    caption += "would be a fault, not truncation."
    return PageSection("Predicted and measured error", [Plot(svg, caption)])


def _effect(done: Compression) -> Optional[PageSection]:
    if done.effect is None:
        return None
    rows = [blob_row(row) for row in done.effect.blobs if row.output]
    parts: List[Part] = [
        PageTable(BLOB_COLUMNS, rows, "Outputs of the new net beside the original's")
    ]
    if done.effect.accuracy:
        parts.append(Lines([accuracy_line(done.effect.accuracy)]))
    return PageSection("What it costs", parts, f"Run by {describe(done.effect)}.")


def _pictures(shown: Shown) -> Optional[PageSection]:
    if not shown.pictures:
        return None
    from netsurgery.report.html.pictures import pictures_of

    intro = "What the original and the new net make of the same inputs."
    return PageSection("Pictures", [pictures_of(one) for one in shown.pictures], intro)


def _along(done: Compression, shown: Shown) -> Optional[PageSection]:
    if not shown.trace:
        return None
    made = {
        str(top)
        for layer in done.surgery.original.network().layers
        if layer.name in done.surgery.touched
        for top in layer.tops
    }
    return along_section(shown.trace, made, "rewritten")


def _origin(done: Compression) -> PageSection:
    record = done.to_dict()
    rows = [
        (f"original {kind}", Path(facts["file"]).name, facts["sha256"])
        for kind, facts in done.inputs.items()
    ]
    rows += [("written", path.name, "") for path in done.files]
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    parts: List[Part] = [PageTable(("", "file", "sha256"), rows, "Files"), Lines([versions])]
    return PageSection("How this was made", parts)
