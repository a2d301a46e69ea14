"""Arguments that contradict each other, do nothing without another one, or have no such value.

They are refused before anything is read, never resolved in silence. An argument counts as given
where it is not what it is by default; the command line, which sees more, also where it stands
there with its default. What is not here can be given together; where that is not plain, the
documentation of the argument says what it then means.
"""

from __future__ import annotations

import sys
from typing import Any, Collection, Dict, Mapping, NamedTuple, Optional, Sized, Tuple

from netsurgery.errors import Remedy, RequestError

# What a budget consists of has names of its own on the command line; so has a preprocessing.
COSTS = ("budget", "macs", "params", "bytes", "latency")
BUDGET = (*COSTS, "max_loss", "sweep")
RULES = ("rank", "energy", "error")
FORMS = ("split", "suffixes", "templates")
PREPROCESSING = (
    "preprocessing",
    "preset",
    "mean_file",
    "mean",
    "input_scale",
    "raw_scale",
    "channel_swap",
    "images_dim",
)
TEACHING = ("temperature", "hints", "views")
TUNING = (
    *("steps", "batch", "lr", "solver", "train_val", "only_new", "freeze", "batchnorm"),
    *("teacher", "mirror", "crop", "shift", "zoom", "hold_out", "validate_every", "patience"),
    *TEACHING,
)
HOW_TO_CHOOSE = ("methods", "score", "metric", "rois", "refit", "time_limit")


class Conflict(NamedTuple):
    """Arguments of which none of the first goes with any of the others.

    Attributes:
        some: Their names; ``expect=exact`` speaks of one value.
        others: The same.
        why: The reason, in a few words; a `Remedy` where that names an argument.
    """

    some: Tuple[str, ...]
    others: Tuple[str, ...]
    why: str


class Requirement(NamedTuple):
    """Arguments that do nothing unless one of others is given.

    Attributes:
        some: Their names.
        others: Names of which one has to be there.
    """

    some: Tuple[str, ...]
    others: Tuple[str, ...]


CLASHES: Mapping[str, Tuple[Conflict, ...]] = {
    # Of every job that has both.
    "": (
        Conflict(("mean",), ("mean_file",), "both say which mean goes off"),
        Conflict(("count",), ("inputs",), "random inputs are for where there are no others"),
        Conflict(
            ("verify",),
            (
                *("inputs", "labels", "count", "max_error", "min_agreement"),
                *("accept_loss", "output_kinds"),
            ),
            "nothing is run then",
        ),
        Conflict(
            ("max_loss",),
            ("sweep",),
            "the one looks for a budget, the other goes through all",
        ),
        Conflict(
            ("max_loss",),
            ("count", "verify"),
            "what is lost is measured, and random inputs say nothing of it",
        ),
        Conflict(
            ("quick",), ("max_loss",), "what is lost is measured, on nets that are carried out"
        ),
        Conflict(("quick",), ("score=effect", "score=metric"), "that is tried, which takes long"),
        Conflict(("quick",), ("measured",), "no net is carried out"),
        Conflict(("quick",), ("plan",), "there is nothing to plan"),
        Conflict(("plan",), ("recipe",), "the plan says how"),
        Conflict(BUDGET, RULES, "give a budget or rules, not both"),
        Conflict(
            BUDGET,
            ("fit",),
            Remedy("{} is for rules; a budget chooses how layers are fitted", "fit"),
        ),
        Conflict(BUDGET, ("method",), Remedy("a budget chooses among {}", "methods")),
        Conflict(BUDGET, ("allow_growth",), "a budget never makes a layer bigger"),
        Conflict(("method",), ("methods",), "the one is for rules, the other for a budget"),
        Conflict(
            ("plan",),
            (*RULES, "keep", "fold_batchnorm", "allow_growth", "method", "fit", *FORMS),
            "give a plan or rules, not both",
        ),
        Conflict(
            ("plan",), (*BUDGET, *HOW_TO_CHOOSE, "multiple"), "give a plan or a budget, not both"
        ),
    ),
    "bisect": (
        Conflict(
            ("check",),
            (
                *("inputs", "labels", "count", "seed", "expect=exact", "max_error"),
                *("min_agreement", "accept_loss", "output_kinds", "task_output", "engine"),
                *PREPROCESSING,
            ),
            "the command judges",
        ),
        Conflict(
            ("expect=exact",),
            ("max_error", "min_agreement", "accept_loss"),
            "what is exact is held to float noise",
        ),
    ),
    "prune": (
        Conflict(("tune",), (*TUNING, "rounds", "macs"), "nothing is tuned then"),
        Conflict(
            ("macs",),
            ("sparsity", "pattern", "scope", "layers", "keep", "schedule", "rounds", "factor_rank"),
            "channels go then, and no single weights",
        ),
        Conflict(
            ("rounds",),
            tuple(f"schedule={one}" for one in ("once", "cubic", "dynamic", "projected")),
            "there are rounds or not",
        ),
    ),
    "thin": (
        Conflict(
            ("from_zeros",),
            (*COSTS, "max_loss", "keep", "width", "quick"),
            Remedy("say how thin, or {}: it cuts what is dead, and nothing else", "from_zeros"),
        ),
        Conflict(
            ("from_zeros",),
            ("recipe", "criterion", "compensate", "multiple", "calibrate"),
            "it cuts what is dead, and nothing else",
        ),
    ),
    "verify": (
        Conflict(
            ("golden",),
            ("inputs", "labels", "count", "seed", "blobs", "trace", *PREPROCESSING),
            "the golden file says what is run and compared",
        ),
        Conflict(
            ("expect=exact",),
            ("max_error", "min_agreement", "accept_loss"),
            "what is exact is held to float noise",
        ),
    ),
}

NEEDS: Mapping[str, Tuple[Requirement, ...]] = {
    "": (
        Requirement(HOW_TO_CHOOSE, BUDGET),
        Requirement(("allow_growth", "method", "fit"), RULES),
        Requirement(FORMS, (*RULES, *BUDGET)),
        Requirement(("measured",), ("sweep",)),
        Requirement(("quick",), BUDGET),
        Requirement(("quick",), ("calibrate",)),
        Requirement(("samples",), ("calibrate",)),
        Requirement(("max_loss",), ("inputs", "calibrate")),
        Requirement(("labels",), ("inputs",)),
        Requirement(PREPROCESSING, ("inputs", "calibrate")),
    ),
    "bisect": (Requirement(("method",), ("rank",)),),
    "compress": (Requirement(("multiple",), BUDGET),),
    "finetune": (Requirement(TEACHING, ("teacher",)),),
    "plan": (Requirement(("multiple",), BUDGET),),
    "prune": (
        Requirement((*TUNING, "labels", "tune", "rounds", "macs"), ("calibrate",)),
        Requirement(("remove", "images", "flops_regularization"), ("macs",)),
    ),
}


CHOICES: Mapping[str, Tuple[str, ...]] = {
    "phase": ("TEST", "TRAIN"),
    "expect": ("approx", "exact"),
    "writer": ("direct", "caffe"),
    "split": ("first", "sqrt"),
    "fit": ("none", "data", "asymmetric", "relu"),
    "compensate": ("none", "channels", "patches", "refit"),
    "scope": ("net", "layer"),
    "schedule": ("once", "rounds", "cubic", "dynamic", "projected"),
    "batchnorm": ("frozen", "update"),
    "currency": ("macs", "params", "bytes", "latency"),
}
"""The values of those arguments that are one of a few words; None stands for a default."""


LEAST: Mapping[str, int] = {
    **dict.fromkeys(("count", "samples", "rois", "multiple", "width"), 1),
    **dict.fromkeys(
        ("steps", "batch", "crop", "views", "validate_every", "rounds", "remove", "images"), 1
    ),
    **dict.fromkeys(("seed", "measured", "max_error", "min_agreement", "flops"), 0),
    **dict.fromkeys(("patience", "shift", "flops_regularization"), 0),
}
"""The least that those arguments may be that are numbers."""


def refuse_contradictions(job: str, request: Any, **others: object) -> None:
    """See that what a request asks can be, and goes together.

    Args:
        job: The name of the job.
        request: The request, a dataclass.
        others: Further arguments of the job that are given.

    Raises:
        RequestError: Two arguments contradict each other; one does nothing, or cannot be.
    """
    from dataclasses import fields

    given = {**_given(request), **others}
    for name, words in CHOICES.items():
        if name in given and given[name] not in words:
            problem = f"there is no {name} {given[name]!r}"
            raise RequestError(problem, remedy=f"choose among {', '.join(words)}")
    for name, least in LEAST.items():
        if name in given and not given[name] >= least:  # type: ignore[operator]
            raise RequestError(f"{name} {given[name]} is less than {least}")
    known = {*(field.name for field in fields(request)), *others}
    clashes, needs = (*CLASHES[""], *CLASHES.get(job, ())), (*NEEDS[""], *NEEDS.get(job, ()))
    refuse_together(given, known, clashes, needs)


def refuse_together(
    given: Mapping[str, object],
    known: Collection[str],
    clashes: Collection[Conflict],
    needs: Collection[Requirement],
) -> None:
    """See that arguments go together.

    Args:
        given: The arguments that are given, with their values.
        known: The names of all that could be.
        clashes: What contradicts each other.
        needs: What needs what.

    Raises:
        RequestError: Two arguments contradict each other, or one does nothing.
    """
    for clash in clashes:
        one, other = (_first(given, names) for names in (clash.some, clash.others))
        if one and other:
            raise RequestError(_contradiction(one, other, clash.why))
    for need in needs:
        one = _first(given, need.some)
        there = [name for name in need.others if name in known]
        if one and there and not _first(given, need.others):
            listed = f"{', '.join(['{}'] * (len(there) - 1))}{' or ' if there[1:] else ''}{{}}"
            raise RequestError(Remedy(f"{_mark(one)} needs {listed}", one[0], *there))


_Found = Tuple[str, str]


def _first(given: Mapping[str, object], names: Collection[str]) -> Optional[_Found]:
    """Return the first of some arguments that is given, and the value that is spoken of, if any."""
    for name, _, value in (one.partition("=") for one in names):
        if name in given and (not value or given[name] == value):
            return name, value
    return None


def _mark(found: _Found) -> str:
    return f"{{}} {found[1]}".rstrip()


def _contradiction(one: _Found, other: _Found, why: str) -> Remedy:
    words, named = (why.words, why.arguments) if isinstance(why, Remedy) else (why, ())
    return Remedy(
        f"{_mark(one)} and {_mark(other)} contradict each other: {words}", one[0], other[0], *named
    )


def _given(request: Any) -> Dict[str, object]:
    """The fields of a request that are not as they are by default; what is empty is as empty."""
    from dataclasses import MISSING, fields

    found: Dict[str, object] = {}
    for field in fields(request):
        value, default = getattr(request, field.name), field.default
        if field.default_factory is not MISSING:
            default = field.default_factory()
        if isinstance(value, _numpy_scalars()):
            value = value.item()
        if value != default and not (_is_empty(value) and _is_empty(default)):
            found[field.name] = value
    return found


def _numpy_scalars() -> Any:
    """The class of NumPy's numbers, of which there are none where nobody has imported it."""
    return getattr(sys.modules.get("numpy"), "generic", ())


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, Sized) and not len(value))
