"""A tuning run keeps the user's solver, with a rate that fits a net which is nearly there."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Dict

import pytest

from netsurgery.errors import FormatError, RequestError
from netsurgery.formats import SolverText
from netsurgery.training.solver_settings import (
    SOLVERS,
    SolverSettings,
    settings_of,
    solver_text,
    tuning_settings,
    twin_of_solver,
)

USERS = b"""net: "train_val.prototxt" # ours
test_iter: 100
test_interval: 500
base_lr: 0.01
lr_policy: "inv"
gamma: 0.0001
power: 0.75
momentum: 0.8
weight_decay: 0.0004
clip_gradients: 35
iter_size: 2
max_iter: 10000
snapshot: 5000
snapshot_prefix: "examples/lenet"
solver_mode: GPU
"""


def solver(text: bytes) -> SolverText:
    return SolverText.parse(text, "solver.prototxt")


def test_what_a_text_says_is_read() -> None:
    found = settings_of(solver(USERS))
    assert found == SolverSettings(
        base_lr=0.01,
        lr_policy="inv",
        gamma=0.0001,
        power=0.75,
        momentum=0.8,
        weight_decay=0.0004,
        clip_gradients=35.0,
        iter_size=2,
        max_iter=10000,
    )


def test_what_a_text_leaves_out_is_as_in_caffe() -> None:
    found = settings_of(solver(b'base_lr: 1 lr_policy: "fixed" max_iter: 5'))
    assert (found.momentum, found.weight_decay, found.iter_size) == (0.0, 0.0, 1)


@pytest.mark.parametrize(("number", "name"), list(enumerate(SOLVERS)))
def test_the_old_enum_names_the_same_solvers(number: int, name: str) -> None:
    old = solver(b'base_lr: 1 lr_policy: "fixed" solver_type: %d' % number)
    assert settings_of(old).type == name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'lr_policy: "fixed"', "base_lr is missing"),
        (b'base_lr: 1\nlr_policy: "wild"', "solver.prototxt:2:1: lr_policy: 'wild' is none of"),
        (b'base_lr: 1 lr_policy: "step"', "stepsize: is not set"),
        (b'base_lr: 1 lr_policy: "fixed"\ntype: "Lion"', ":2:1: type: 'Lion' is none of SGD"),
        (b'base_lr: 1 lr_policy: "fixed" type: "SGD" solver_type: SGD', "both given"),
        (
            b'base_lr: 1 lr_policy: "fixed" type: "AdaGrad"\nmomentum: 0.9',
            ":2:1: Caffe refuses AdaGrad with a momentum",
        ),
        (
            b'base_lr: 1 lr_policy: "multistep" stepvalue: 5 stepvalue: 3',
            "stepvalue: the values do not rise",
        ),
    ],
)
def test_what_caffe_would_refuse_is_named(text: bytes, says: str) -> None:
    with pytest.raises(FormatError) as caught:
        settings_of(solver(text))
    assert says in str(caught.value)


@pytest.mark.parametrize("field", ["base_lr", "iter_size", "max_iter", "momentum", "rms_decay"])
def test_settings_that_cannot_be_are_refused(field: str) -> None:
    value: Any = -1 if field in ("iter_size", "max_iter") else -1.0
    with pytest.raises(RequestError, match=f"solver: {field}"):
        SolverSettings(**{field: value})


def test_a_tuning_run_keeps_the_users_solver_at_a_tenth_of_its_rate() -> None:
    found, why = tuning_settings(solver(USERS), 1000)
    own = settings_of(solver(USERS))
    assert found.base_lr == pytest.approx(0.001)
    assert why == "a tenth of the 0.01 of solver.prototxt"
    assert (found.lr_policy, found.gamma, found.stepvalue) == ("multistep", 0.1, (800, 930))
    assert found.max_iter == 1000
    for name in ("type", "momentum", "weight_decay", "clip_gradients", "iter_size"):
        assert getattr(found, name) == getattr(own, name)


def test_a_policy_of_a_fork_gives_way() -> None:
    found, _ = tuning_settings(solver(b'base_lr: 1 lr_policy: "plateau" plateau_winsize: 3'), 100)
    assert found.lr_policy == "multistep"


def test_without_a_solver_a_trial_has_to_find_the_rate() -> None:
    found, why = tuning_settings(None, 10)
    assert why is None
    assert (found.type, found.momentum, found.weight_decay) == ("SGD", 0.9, 0.0005)
    taught, why = tuning_settings(None, 10, lr=0.02, teacher=True)
    assert (taught.base_lr, why, taught.weight_decay) == (0.02, "as asked for", 0.0)


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_few_steps_make_settings_that_caffe_takes(steps: int) -> None:
    found, _ = tuning_settings(None, steps)
    assert list(found.stepvalue) == sorted(found.stepvalue)
    assert all(value >= 1 for value in found.stepvalue)


EACH: Dict[str, Any] = {
    "SGD": {},
    "Nesterov": {"lr_policy": "poly", "power": 2.0},
    "AdaGrad": {"momentum": 0.0, "delta": 1e-6, "lr_policy": "step", "stepsize": 3},
    "RMSProp": {"momentum": 0.0, "rms_decay": 0.5, "lr_policy": "exp", "gamma": 0.5},
    "AdaDelta": {"momentum": 0.95, "lr_policy": "sigmoid", "stepsize": 7},
    "Adam": {"momentum2": 0.9, "regularization_type": "L1", "clip_gradients": 1.0},
}


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("users", [None, USERS], ids=["new", "users"])
def test_a_written_solver_says_the_settings(name: str, users: bytes) -> None:
    wanted = SolverSettings(type=name, **EACH[name])
    text = solver_text(
        wanted, net="net.prototxt", prefix="snap", seed=3, users=users and solver(users)
    )
    found = settings_of(text)
    given = {one.name for one in fields(found)} & set(wanted.fields)
    assert {one: getattr(found, one) for one in given} == {
        one: getattr(wanted, one) for one in given
    }
    said = text.parameter
    assert (said.net, said.snapshot_prefix, said.random_seed) == ("net.prototxt", "snap", 3)
    assert (said.snapshot, said.test_interval, said.snapshot_after_train) == (0, 0, False)
    assert not said.test_iter
    assert not said.HasField("solver_mode")


def test_a_solver_that_runs_is_without_words_of_forks() -> None:
    users = solver(USERS + b'eval_type: "detection"\n')
    text = solver_text(SolverSettings(), net="n", prefix="p", seed=0, users=users)
    assert text.unknown == ()
    assert b"# ours" in text.data


def test_the_twin_counts_in_tenths_and_keeps_the_rest() -> None:
    text = twin_of_solver(solver(USERS), "small.prototxt", "small")
    expected = (
        USERS.replace(b"train_val.prototxt", b"small.prototxt")
        .replace(b"test_interval: 500", b"test_interval: 50")
        .replace(b"base_lr: 0.01", b"base_lr: 0.001")
        .replace(b"max_iter: 10000", b"max_iter: 1000")
        .replace(b"snapshot: 5000", b"snapshot: 500")
        .replace(b"examples/lenet", b"small")
    )
    told = b"# For tuning, by netsurgery: a tenth of the rate and steps of solver.prototxt.\n"
    assert text.data == expected + told


def test_what_is_for_tuning_is_not_slowed_down_once_more() -> None:
    twin = twin_of_solver(solver(USERS), "small.prototxt", "small")
    found, why = tuning_settings(twin, 1000)
    assert found.base_lr == pytest.approx(0.001)
    assert why == "that of solver.prototxt, which is for tuning"
    again = twin_of_solver(twin, "smaller.prototxt", "smaller")
    expected = twin.data.replace(b"small.prototxt", b"smaller.prototxt")
    assert again.data == expected.replace(b'"small"', b'"smaller"')


def test_a_text_without_a_last_line_end_gets_one() -> None:
    twin = twin_of_solver(solver(USERS.rstrip().replace(b"\n", b"\r\n")), "n", "p")
    assert twin.data.count(b"\n") == twin.data.count(b"\r\n")
    assert twin.parameter.base_lr == pytest.approx(0.001)


def test_a_test_net_of_its_own_is_left_out_and_told() -> None:
    users = b"""train_net: "train.prototxt"
test_net: "test.prototxt"
test_iter: 3
base_lr: 0.1
lr_policy: "fixed"
"""
    text = twin_of_solver(solver(users), "small.prototxt", "small")
    assert text.parameter.train_net == "small.prototxt"
    assert not text.parameter.test_net
    assert not text.parameter.test_iter
    assert b"# Without test.prototxt: " in text.data


def test_a_net_inside_the_solver_is_refused() -> None:
    users = b'base_lr: 1 lr_policy: "fixed"\nnet_param { name: "n" }'
    with pytest.raises(FormatError, match="2:1: the net stands inside the solver; put it"):
        twin_of_solver(solver(users), "small.prototxt", "small")
