"""What the words of the reports mean: one place for all of them, as data.

The first sentence of an entry is short: it stands under a table where the word comes up first.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, Sequence

from netsurgery.errors import NetsurgeryError

TERMS: Mapping[str, Mapping[str, str]] = {
    "What a net costs": {
        "weights": "Numbers that the net has learnt, also called parameters. Beside a layer, the "
        "shape of its first blob; in a plan, their number before and after.",
        "params": "The number of weights, biases included.",
        "MACs": "Multiply-accumulates: the multiplications that one pass of the net takes.",
        "file": "Bytes of the weights file.",
        "bytes": "Bytes of the weights file, or their share of the original's.",
        "latency": "The time that one pass takes in an engine, or its share of the original's.",
        "time, as planned": "The time of one pass, as it was measured when the plan was made.",
        "before": "Of the original.",
        "after": "Of the new net.",
        "left": "What the new net has of the original's cost, in percent.",
        "asked": "What the command line or the plan asked for. A budget is a limit: less may be "
        "reached, never more.",
        "reached": "What came of it. Ranks and channels are whole numbers, so it is seldom "
        "what was asked to the last digit.",
        "share": "The part of the whole net's that is this layer's.",
        "budget": "How much of a cost may be left.",
    },
    "Where the time went": {
        "task": "What was done. Tasks within it stand below it; side by side they may take more "
        "together than it does.",
        "times": "How often a task was done.",
        "seconds": "How long it took, all times together.",
        "of all": "The share of the whole command's time.",
        "processor": "Seconds that all processors worked on it, those of child processes, in which "
        "engines run, included.",
        "counted": "What was done within it, counted: inputs that a net was run on, for example.",
    },
    "Pruning and training": {
        "zero": "The share of the weights that is zero, and stays so.",
        "step": "An iteration of the solver: one batch, or as many as its iter_size says.",
        "steps": "Iterations of the solver.",
        "loss, training": "What the net is trained to make small, on the batches since the row "
        "before.",
        "loss, aside": "The same on inputs that it is not trained on, which say when to stop.",
        "loss before": "What the net is trained to make small, on inputs aside, before tuning.",
    },
    "What is kept for later runs": {
        "kept of": "The net, and the inputs that it was run on.",
        "files": "How many files hold it.",
        "size": "Their bytes together.",
        "last used": "How long ago it last saved a run some work.",
    },
    "Many models at once": {
        "model": "The name of one of them: of its folder and its weights, as seen from the source.",
        "prototxt": "The text of the net that the weights fit, by what both hold.",
        "outcome": "What came of it: a smaller pair, or why there is none.",
        "params left": "The weights that the new pair has, in percent of the original's.",
        "MACs left": "Its MACs, in percent of the original's.",
        "file left": "The bytes of its weights file, in percent of the original's.",
        "quality": "Whether it is still good, by the outputs of both: the second verdict.",
    },
    "Layers and what is done to them": {
        "layer": "A layer by its name in the prototxt.",
        "type": "Its type in the prototxt.",
        "blobs": "Shapes of a layer's arrays of weights, in the order of the file.",
        "output": "What a layer hands on, or what a net hands out at its end; its shape.",
        "blob": "An array of values that layers hand on, by its name in the prototxt.",
        "method": "What is done to a layer. The methods are among these terms.",
        "keeps": "What is left of a layer: its rank, its channels, or all.",
        "rank": "How narrow a layer becomes in its middle, where several take its place. The full "
        "rank loses nothing.",
        "chosen": "The method, and the rank or the channels that the planner took.",
        "second": "What the planner would have taken instead.",
        "breaks even": "The largest rank that makes the layer smaller.",
        "spectrum": "The singular values of the weights as bars: where they fall fast, a low rank "
        "keeps much.",
        "energy": "The sum of the squared singular values that a rank keeps, as a share of all. "
        "One minus the square of the weights' error.",
        "energy there": "The energy that the rank keeps at which the layer breaks even.",
        "at half": "The energy that half of that rank keeps.",
        "at a quarter": "The energy that a quarter of that rank keeps.",
        "left alone": "A layer that was looked at and stays as it was, with the reason.",
        "must stay": "Channels that cannot be cut, with the reason: an output, a layer that "
        "normalises across channels, a shape that is written out.",
        "group": "Channels of several layers that are cut together, as the layers add, join or "
        "pass them on.",
        "fit": "Weights chosen by least squares, so that a layer makes on the calibration inputs "
        "what it made in the original.",
        "calibration": "Inputs like those the net was trained on, from which fits and choices are "
        "learnt. Never those by which it is judged.",
        "truncation": "What is lost when a matrix is cut to a lower rank: its smallest singular "
        "values.",
        "rounding": "What is lost as computers keep about seven digits of each number.",
    },
    "Groups of channels": {
        "made by": "Layers whose weights have an entry for each of these channels.",
        "carried by": "Layers with an entry for each channel that make none, such as BatchNorm.",
        "passed on by": "Layers without weights that the channels go through.",
        "read by": "Layers whose weights have entries for what they read of these channels.",
        "stay because": "Why some or all of the channels cannot be cut.",
        "not exact": "Why a net without these channels differs by more than their absence, as "
        "where a layer normalises across channels.",
        "equal counts in each of": "Channels that must go in equal numbers from each of these "
        "rows, as the groups of a convolution keep equal sizes.",
    },
    "What doctor finds": {
        "warning": "Stock Caffe takes it, and computes something else than was meant.",
        "note": "Good to know; nothing is wrong.",
    },
    "How far two nets are apart": {
        "error": "The distance from the original, as a share of the original's length: 0 is equal, "
        "1 as far as if all were zero. Of a layer's weights or of a blob's values. In `doctor`, "
        "what stock Caffe refuses.",
        "predicted": "Worked out from weights and calibration inputs, before anything was run.",
        "predicted error": "How far the method says that a layer's weights will be from the "
        "original's, as a share of these.",
        "measured": "Seen when the net was run.",
        "measured error": "How far the written layer's weights are from the original's, as a share "
        "of these. It has to be the predicted one.",
        "corrected": "Predicted, times what measured nets lost more than was predicted of them.",
        "loss": "What a choice is expected to cost, by the score; small is good. In `rank`, what "
        "the net was trained to make small.",
        "cosine": "1 where two arrays point the same way, 0 where they have nothing in common.",
        "max difference": "The largest difference of two values of a blob.",
        "largest": "The largest magnitude of the original's values: what differences compare with.",
        "top-1": "The share of inputs whose best class is the same in both nets.",
        "top-5": "The share of inputs whose best class of the original is among the five best.",
        "agreement": "The share of inputs that keep their best class, or of detections that have a "
        "counterpart in the other net.",
        "accuracy": "The share of labels that a net gets right.",
        "noise": "The error that float arithmetic alone can make here. Measured by running the "
        "original against itself, in other batches and with inputs moved by the last bit; what is "
        "below counts as equal.",
        "never moved": "Channels with the same values for all inputs, such as a unit that a ReLU "
        "always stops. Both nets agree in them whatever their weights are: give inputs that move "
        "them, or cut them out.",
    },
    "Verdicts": {
        "written as planned": "The first verdict, the proof: whether the files compute what the "
        "plan says.",
        "still good": "The second verdict: what is left of the outputs, each held to the limits "
        "for what it is. The limits stand in the help of `compress` and `verify`.",
        "caution": "What makes a verdict doubtful, such as inputs that were calibrated with.",
        "proved": "The files that were written compute what was planned: nothing is left of the "
        "difference that is not explained. It says nothing of whether the net is still good.",
        "UNPROVEN": "The pair was written, but nothing could show that it is as planned; the "
        "reason stands beside it.",
        "FAILED": "A check was made and not passed; the reasons stand below. Exit status 1.",
        "passed": "All that was asked for holds.",
        "read back": "The written files were read again and compared with what was meant, number "
        "by number.",
        "twin": "The original net with the weights of the new one put back in its own layers: low "
        "ranks multiplied out, channels that went as zeros. It has to compute what the new "
        "one does.",
        "it would pass with": "The strictest limits that the comparison would have kept.",
        "exact": "Equal up to float noise.",
        "approx": "Values are finite, and the limits that were given hold.",
        "good": "The outputs are as good as the original's, within the limits for what they are.",
        "degraded": "The outputs are worse than is called good; see what they are used for.",
        "lost": "The outputs are not worth what the original's are. Exit status 1.",
        "unjudged": "Nothing that was run says whether the outputs are still good: give inputs.",
    },
    "Scores and rankings": {
        "score": "By what the planner weighs one choice against another: energy, output, effect or "
        "metric.",
        "effect": "The score by how much of a layer's loss arrives at the net's outputs. In JSON, "
        "the comparison of the original with the new net.",
        "metric": "The user's own measure of a net: a function, a command, or accuracy on labels.",
        "criterion": "What tells which channels matter. The criteria are among these terms.",
        "channel": "One of the maps or numbers that a layer makes, counted from 0.",
        "loss grows by": "How much larger the loss is without the channel.",
        "magnitude": "The same without its sign.",
        "mean of layers": "The mean of the correlations of the layers.",
        "all layers": "The correlation over the channels of all layers at once.",
        "all, l2": "The same, with the scores of each layer divided by their length.",
    },
}

_TEXTS = {name.lower(): text for terms in TERMS.values() for name, text in terms.items()}

# Words that stand for an entry under another name.
_SAME = {
    "parameters": "params",
    "macs": "MACs",
    "mac": "MACs",
    "unproven": "UNPROVEN",
    "failed": "FAILED",
    "top1": "top-1",
    "top5": "top-5",
    "multiplied out": "twin",
    "float noise": "noise",
    "channels": "channel",
    "time": "latency",
    "whole": "before",
}


def glossary_terms() -> Dict[str, Dict[str, str]]:
    """Return all terms under their headings, with the methods and the criteria that there are."""
    from netsurgery.criteria import CRITERIA
    from netsurgery.methods import METHODS
    from netsurgery.quality import KINDS, LIMITS

    found = {heading: dict(terms) for heading, terms in TERMS.items()}
    known = {name.lower() for terms in found.values() for name in terms}
    found["What an output is"] = {kind: f"{_begun(text)}." for kind, text in KINDS.items()}
    found["What outputs are judged by"] = {
        one.figure: f"{_begun(one.meaning)}."
        for limits in LIMITS.values()
        for one in limits
        if one.figure.lower() not in known
    }
    for heading, registry in (("Methods", METHODS), ("Criteria", CRITERIA)):
        found[heading] = {name: _about(one) for name, one in sorted(registry.all().items())}
    return found


def explain_word(word: str) -> str:
    """Return what a word means.

    Args:
        word: In any case; the title of a column, a verdict, a method, a criterion.

    Raises:
        NetsurgeryError: It is none of them; the text names what is like it.
    """
    asked = _asked(word)
    known = _TEXTS if asked in _TEXTS else _known()
    if asked not in known:
        from difflib import get_close_matches

        close = get_close_matches(asked, [*known, *_SAME], 3)
        raise NetsurgeryError(
            f"there is no term {word!r}",
            remedy=f"did you mean {', '.join(close)}?" if close else "see `netsurgery help terms`",
        )
    return known[asked]


def is_term(word: str) -> bool:
    """Whether a word is explained."""
    return _asked(word) in _TEXTS or _asked(word) in _known()


def _known() -> Dict[str, str]:
    return {
        name.lower(): text for terms in glossary_terms().values() for name, text in terms.items()
    }


def _asked(word: str) -> str:
    asked = " ".join(word.lower().split())
    return _SAME.get(asked, asked).lower()


def explained(words: Sequence[str]) -> List[str]:
    """Return a line for each word: the first sentence on it."""
    return [f"  {word}: {_first_sentence(explain_word(word))}" for word in words]


def _first_sentence(text: str) -> str:
    sentence = text.split(". ")[0].rstrip(".")
    return sentence[0].lower() + sentence[1:]


def _begun(text: str) -> str:
    """A text that begins with a capital letter."""
    return text[0].upper() + text[1:]


def _about(entry: object) -> str:
    """The first paragraph of what a class says of itself."""
    paragraph = (type(entry).__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split())
