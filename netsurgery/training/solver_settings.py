"""What a solver of Caffe is told: read from a user's text, made for tuning, written for a run."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

import numpy as np

from netsurgery.errors import RequestError
from netsurgery.formats import SolverText, SolverValue

SGD = "SGD"
SOLVERS = (SGD, "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")
"""The solvers of stock Caffe, in the order of its old enum."""
POLICIES = ("fixed", "step", "exp", "inv", "multistep", "poly", "sigmoid")
_DECAYS = ("L1", "L2")

TENTH = 0.1
"""What is left of a rate that a net was trained with, when it is tuned."""
_DROPS = (0.8, 0.93)
"""Shares of the steps of a tuning run after which its rate falls to a tenth."""
_WITHOUT_MOMENTUM = ("AdaGrad", "RMSProp")
_OF_POLICY = {
    "step": ("gamma", "stepsize"),
    "exp": ("gamma",),
    "inv": ("gamma", "power"),
    "multistep": ("gamma", "stepvalue"),
    "poly": ("power",),
    "sigmoid": ("gamma", "stepsize"),
}
_OF_SOLVER = {
    SGD: ("momentum",),
    "Nesterov": ("momentum",),
    "AdaGrad": ("delta",),
    "RMSProp": ("rms_decay", "delta"),
    "AdaDelta": ("momentum", "delta"),
    "Adam": ("momentum", "momentum2", "delta"),
}
_OTHERS_OF_SOLVERS = ("momentum", "momentum2", "rms_decay", "delta")
_OTHERS_OF_POLICIES = ("gamma", "power", "stepsize", "stepvalue")


@dataclass(frozen=True)
class SolverSettings:
    """How weights move: the fields of a ``SolverParameter`` that an update depends on.

    Attributes:
        type: The solver, one of `SOLVERS`.
        base_lr: The learning rate at the start.
        lr_policy: How it falls, one of `POLICIES`.
        power: Of the policies ``inv`` and ``poly``.
        gamma: The factor of a step down, and of ``exp``, ``inv`` and ``sigmoid``.
        stepvalue: Iterations at which ``multistep`` steps down.
        stepsize: Iterations between the steps of ``step``; the middle of ``sigmoid``.
        momentum: Of all but AdaGrad and RMSProp, which have none.
        momentum2: Of Adam, the decay of the squares.
        weight_decay: The factor of the weights' own loss.
        regularization_type: Whether that is their squares, ``"L2"``, or their sizes, ``"L1"``.
        iter_size: Batches whose gradients make one step.
        clip_gradients: The largest norm of all gradients together; below 0 for no such.
        delta: What keeps adaptive solvers from dividing by zero.
        rms_decay: Of RMSProp.
        max_iter: Iterations in all; ``poly`` ends there.
    """

    type: str = SGD
    base_lr: float = 0.001
    lr_policy: str = "multistep"
    power: float = 1.0
    gamma: float = 0.1
    stepvalue: Tuple[int, ...] = ()
    stepsize: int = 0
    momentum: float = 0.9
    momentum2: float = 0.999
    weight_decay: float = 0.0005
    regularization_type: str = "L2"
    iter_size: int = 1
    clip_gradients: float = -1.0
    delta: float = 1e-8
    rms_decay: float = 0.99
    max_iter: int = 1000

    def __post_init__(self) -> None:
        """See that Caffe takes all of it.

        Raises:
            RequestError: It would not; names the field.
        """
        for _, problem in _faults(self):
            raise RequestError(f"solver: {problem}")

    @property
    def fields(self) -> Dict[str, SolverValue]:
        """The fields of a solver that say so, without those that its type and policy ignore."""
        names = [
            *("type", "base_lr", "lr_policy"),
            *_OF_POLICY.get(self.lr_policy, ()),
            *_OF_SOLVER[self.type],
            *("weight_decay", "regularization_type", "iter_size", "max_iter"),
        ]
        if self.clip_gradients >= 0:
            names.append("clip_gradients")
        return {name: getattr(self, name) for name in names}


def _faults(settings: SolverSettings) -> list[tuple[str, str]]:
    """What Caffe would abort on, or step into nonsense by: the field, and the problem."""
    of = settings
    wrong = [
        ("type", of.type in SOLVERS, f"{of.type!r} is none of {', '.join(SOLVERS)}"),
        (
            "lr_policy",
            of.lr_policy in POLICIES,
            f"{of.lr_policy!r} is none of {', '.join(POLICIES)}",
        ),
        (
            "regularization_type",
            of.regularization_type in _DECAYS,
            f"{of.regularization_type!r} is none of {', '.join(_DECAYS)}",
        ),
        ("stepsize", of.lr_policy not in ("step", "sigmoid") or of.stepsize > 0, "is not set"),
        ("stepvalue", tuple(sorted(of.stepvalue)) == of.stepvalue, "the values do not rise"),
        ("iter_size", of.iter_size > 0, f"{of.iter_size} is less than 1"),
        ("max_iter", of.max_iter > 0, f"{of.max_iter} is less than 1"),
        ("base_lr", of.base_lr > 0 and math.isfinite(of.base_lr), f"{of.base_lr:g} moves nothing"),
        ("momentum", 0 <= of.momentum < 1, f"{of.momentum:g} is not from 0 to below 1"),
        ("momentum2", 0 <= of.momentum2 < 1, f"{of.momentum2:g} is not from 0 to below 1"),
        ("rms_decay", 0 <= of.rms_decay < 1, f"{of.rms_decay:g} is not from 0 to below 1"),
        ("weight_decay", of.weight_decay >= 0, f"{of.weight_decay:g} is less than 0"),
    ]
    return [(field, f"{field}: {problem}") for field, right, problem in wrong if not right]


def settings_of(text: SolverText) -> SolverSettings:
    """Return what a user's solver says.

    Args:
        text: The solver, also one that names its type by Caffe's old enum.

    Raises:
        FormatError: It is not what Caffe would take; names the line.
    """
    return _checked(_values_of(text), text)


def _values_of(text: SolverText) -> Dict[str, Any]:
    """The fields that a user's solver gives, by the name that settings have for them."""
    parameter = text.parameter
    # Caffe has no momentum and no decay where they are not given.
    values: Dict[str, Any] = {"momentum": 0.0, "weight_decay": 0.0, "type": parameter.type}
    for name in SolverSettings.__dataclass_fields__:
        if name == "stepvalue":
            values[name] = tuple(parameter.stepvalue)
        elif parameter.HasField(name):
            values[name] = _plain(getattr(parameter, name))
    for name in ("base_lr", "lr_policy"):
        if name not in values:
            raise text.error(f"{name} is missing", remedy="add it")
    if parameter.HasField("solver_type"):
        if parameter.HasField("type"):
            raise text.error("type and solver_type are both given", "solver_type", "remove one")
        values["type"] = SOLVERS[parameter.solver_type]
    if values["type"] in _WITHOUT_MOMENTUM and values["momentum"]:
        problem = f"Caffe refuses {values['type']} with a momentum"
        raise text.error(problem, "momentum", "remove it")
    return values


def _checked(values: Mapping[str, Any], text: SolverText) -> SolverSettings:
    """Settings of a user's text, whose faults are told with the lines that they are on."""
    found = object.__new__(SolverSettings)
    for name, field in SolverSettings.__dataclass_fields__.items():
        object.__setattr__(found, name, values.get(name, field.default))
    for field_name, problem in _faults(found):
        raise text.error(problem, field_name)
    return found


def _plain(value: Any) -> Any:
    """A field's value; a number as it was most likely written, as protobuf widens it."""
    return float(str(np.float32(value))) if isinstance(value, float) else value


def tuning_settings(
    users: Optional[SolverText], steps: int, *, lr: Optional[float] = None, teacher: bool = False
) -> Tuple[SolverSettings, Optional[str]]:
    """Return the solver of a tuning run, and why its rate is what it is.

    Of the user's own, the type, momentum, decay, clipping and iter_size stay. The rate is a tenth
    of where that started, or as it is in what `twin_of_solver` wrote, and falls to a tenth twice,
    after 0.8 and 0.93 of the steps.

    Args:
        users: The solver that the net was trained with; SGD with momentum 0.9 if None.
        steps: Iterations to do.
        lr: The rate at the start, if it is given.
        teacher: Whether a teacher's answers are learned, against which no decay has to hold.

    Returns:
        The settings, and a sentence on the rate; None in its place where nothing tells one, and a
        trial has to find it.

    Raises:
        FormatError: Caffe would not take the user's solver.
        RequestError: Nor these settings.
    """
    drops = tuple(sorted({max(1, round(share * steps)) for share in _DROPS}))
    falling: Dict[str, Any] = {
        "lr_policy": "multistep",
        "gamma": TENTH,
        "stepvalue": drops,
        "max_iter": steps,
    }
    why: Optional[str] = None
    if users is None:
        found = SolverSettings(weight_decay=0.0 if teacher else 0.0005)
    else:
        own, file = _values_of(users), users.file or "the solver"
        share, why = TENTH, f"a tenth of the {own['base_lr']:g} of {file}"
        if is_for_tuning(users):
            share, why = 1.0, f"that of {file}, which is for tuning"
        found = _checked({**own, "base_lr": own["base_lr"] * share, **falling}, users)
    if lr is not None:
        found, why = replace(found, base_lr=lr), "as asked for"
    return replace(found, stepsize=0, **falling), why


# What the driver of a run does itself, or what says where files are.
_NETS_INSIDE = ("net_param", "train_net_param", "test_net_param")
_OF_TESTS = ("test_net", "test_iter", "test_interval", "test_initialization", "test_state")
_NOT_FOR_RUNS = (
    *("train_net", "train_state", *_NETS_INSIDE, *_OF_TESTS),
    *("test_compute_loss", "solver_type", "solver_mode", "device_id", "debug_info", "weights"),
    *("snapshot_diff", "snapshot_format", "average_loss", "layer_wise_reduce"),
)


def solver_text(
    settings: SolverSettings,
    *,
    net: str,
    prefix: str,
    seed: int,
    users: Optional[SolverText] = None,
) -> SolverText:
    """Return the text of a solver that runs a training net, and does nothing else.

    It tests nothing, saves nothing by itself and tells nothing.

    Args:
        settings: What it does.
        net: The path of the training net's prototxt.
        prefix: How paths of snapshots begin.
        seed: For what is random in the net.
        users: A text whose other bytes stay, comments among them.

    Raises:
        FormatError: A value is none that a solver can have.
    """
    fields: Dict[str, Optional[SolverValue]] = {"net": net, **settings.fields}
    fields.update(snapshot_prefix=prefix, snapshot=0, snapshot_after_train=False, display=0)
    fields["random_seed"] = seed
    if users is None:
        return SolverText.of(fields)
    unheeded = (*_NOT_FOR_RUNS, *_OTHERS_OF_POLICIES, *_OTHERS_OF_SOLVERS, "clip_gradients")
    gone = (*unheeded, *(name.split(".")[0] for name in users.unknown))
    return users.changed({**{name: None for name in gone if name not in fields}, **fields})


def twin_of_solver(users: SolverText, net: str, prefix: str) -> SolverText:
    """Return the solver that tunes a compressed net, in the words of the one it was trained with.

    The rate starts at a tenth, and all that is counted in iterations is a tenth, as a net that is
    tuned starts near its goal; a line at the end says so, and what has it keeps its rate. All other
    bytes stay.

    Args:
        users: The solver that the net was trained with.
        net: The path of the compressed net's training text, as ``net`` is to say it.
        prefix: How paths of snapshots begin.

    Raises:
        FormatError: Caffe would not take the user's solver.
    """
    parameter = users.parameter
    for name in _NETS_INSIDE:
        if next(users.root.all(name), None) is not None:
            problem = "the net stands inside the solver"
            raise users.error(problem, name, "put it in a file of its own")
    told = "" if is_for_tuning(users) else f"{_FOR_TUNING} {Path(users.file or 'solver').name}.\n"
    fields = _at_a_tenth(users) if told else {}
    fields["train_net" if parameter.HasField("train_net") else "net"] = net
    fields["snapshot_prefix"] = prefix
    others = set(parameter.test_net) - {parameter.train_net}
    if others:
        # A test net that takes its layers by name from the training net would keep random ones.
        fields.update(dict.fromkeys(_OF_TESTS))
        names = ", ".join(sorted(others))
        told += f"# Without {names}: the net that it is tested by is another text.\n"
    else:
        fields["test_net"] = (net,) * len(parameter.test_net)
    data = users.changed(fields).data
    return SolverText.parse(data + _on_lines(data, told), users.file)


_FOR_TUNING = "# For tuning, by netsurgery: a tenth of the rate and steps of"


def is_for_tuning(text: SolverText) -> bool:
    """Return whether a solver is one that was written for a compressed net.

    Args:
        text: The solver.
    """
    return _FOR_TUNING.encode() in text.data


def _at_a_tenth(users: SolverText) -> Dict[str, Optional[SolverValue]]:
    own, parameter = _values_of(users), users.parameter
    fields: Dict[str, Optional[SolverValue]] = {"base_lr": own["base_lr"] * TENTH}
    for name in ("max_iter", "stepsize", "snapshot", "test_interval"):
        if getattr(parameter, name) > 0:
            fields[name] = _tenth(getattr(parameter, name))
    if own["stepvalue"]:
        fields["stepvalue"] = tuple(map(_tenth, own["stepvalue"]))
    return fields


def _on_lines(data: bytes, told: str) -> bytes:
    """Comments to put behind a text, in its line ends."""
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    gap = b"" if not told or data.endswith(b"\n") else newline
    return gap + told.encode("utf-8", "surrogateescape").replace(b"\n", newline)


def _tenth(count: int) -> int:
    return max(1, round(count * TENTH))
