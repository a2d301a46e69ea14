"""A command and the call of the library that it stands for do the same, to the byte."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import netsurgery as ns

Pair = tuple[Path, Path]
OPENCV = "--engine", "opencv"  # starts sooner
NEEDS_OPENCV = pytest.mark.skipif(find_spec("cv2") is None, reason="there is no OpenCV")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Inputs of the small pair, with labels."""
    rng = np.random.default_rng(3)
    path = tmp_path / "data.npz"
    np.savez(path, data=rng.normal(size=(24, 3, 4, 4)).astype(np.float32), labels=np.arange(24) % 5)
    return path


@pytest.mark.parametrize("arguments", [["inspect"], ["doctor"], ["inspect", "--no-spectra"]])
def test_questions_have_the_same_answer(netsurgery, pair: Pair, arguments: list[str]) -> None:
    done = netsurgery(arguments[0], *pair, *arguments[1:], "--json")
    request = ns.InspectRequest(spectra=len(arguments) == 1)
    called = ns.doctor(pair) if arguments[0] == "doctor" else ns.inspect(pair, request)
    assert json.loads(done.out) == json.loads(json.dumps(called.to_dict()))


def test_channels(netsurgery, pair: Pair) -> None:
    done = netsurgery("channels", pair[0], "fc6", "--weights", pair[1], "--json")
    called = ns.channels(pair, ns.ChannelsRequest("fc6"))
    assert json.loads(done.out) == json.loads(json.dumps(called.to_dict()))


def test_engines(netsurgery) -> None:
    assert json.loads(netsurgery("engines", "--json").out) == ns.engines().to_dict()


def test_convert_and_upgrade(netsurgery, pair: Pair, tmp_path: Path) -> None:
    commanded, called = tmp_path / "commanded.caffemodel", tmp_path / "called.caffemodel"
    assert not netsurgery("convert", pair[1], commanded, "--float16").status
    ns.convert(pair[1], called, ns.ConvertRequest(float16=True))
    assert commanded.read_bytes() == called.read_bytes()
    assert not netsurgery("upgrade", *pair, "-o", tmp_path / "commanded").status
    same_files(tmp_path / "commanded", ns.upgrade(pair, tmp_path / "called").files)


@NEEDS_OPENCV
def test_rank(netsurgery, pair: Pair, data: Path, tmp_path: Path) -> None:
    flags = "--criteria", "activation,l1", "--data", data, *OPENCV
    assert not netsurgery("rank", *pair, *flags, "-o", tmp_path / "commanded.json").status
    request = ns.RankRequest(criteria=("activation", "l1"), inputs=data, engine="opencv")
    ns.rank(pair, request, tmp_path / "called.json")
    commanded, called = (tmp_path / f"{name}.json" for name in ("commanded", "called"))
    assert commanded.read_bytes() == called.read_bytes()


@NEEDS_OPENCV
def test_verify_and_golden_files(netsurgery, pair: Pair, data: Path, tmp_path: Path) -> None:
    other = ns.upgrade(pair, tmp_path / "other").files
    flags = "--inputs", data, "--expect", "exact", *OPENCV
    done = netsurgery("verify", *pair, *other, *flags, "--json")
    exact = ns.VerifyRequest(expect="exact", engine="opencv")
    called = ns.verify(pair, other, replace(exact, inputs=data))
    assert json.loads(done.out) == json.loads(json.dumps(called.to_dict()))
    assert not netsurgery("verify", *pair, "--save-golden", tmp_path / "a.npz", *OPENCV).status
    ns.save_golden(pair, tmp_path / "b.npz", ns.FedRequest(engine="opencv"))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert ns.verify_golden(pair, tmp_path / "a.npz", exact)


def test_plan_by_rules_and_by_a_budget(netsurgery, pair: Pair, tmp_path: Path) -> None:
    rules = ns.PlanRequest(rank={"fc6": 4, "fc*": "50%"}, keep=("fc7",), split="sqrt")
    flags = "--rank", "fc6=4", "--rank", "fc*=50%", "--keep", "fc7", "--split", "sqrt"
    same_plans(netsurgery, pair, tmp_path, flags, rules)
    budget = ns.PlanRequest(budget=ns.Budget(params=0.8), methods=("svd",), multiple=2)
    flags = "--params", "80%", "--methods", "svd", "--round", "2"
    same_plans(netsurgery, pair, tmp_path, flags, budget)


def same_plans(netsurgery, pair: Pair, folder: Path, flags, request: ns.PlanRequest) -> None:
    commanded, called = folder / "commanded.yaml", folder / "called.yaml"
    assert not netsurgery("plan", *pair, *flags, "-o", commanded).status
    ns.plan(ns.load(*pair), request, called)
    assert commanded.read_bytes() == called.read_bytes()


def test_a_sweep_writes_the_same_plans(netsurgery, pair: Pair, tmp_path: Path) -> None:
    flags = "--sweep", "params=0.6:0.8:0.1", "--methods", "svd", "-o"
    done = netsurgery("plan", *pair, *flags, tmp_path / "commanded" / "p.yaml", "--json")
    request = ns.SweepRequest(sweep=(0.6, 0.7, 0.8), currency="params", methods=("svd",))
    called = ns.sweep(pair, request, tmp_path / "called" / "p.yaml")
    assert json.loads(done.out) == json.loads(json.dumps(called.to_dict()))
    found = sorted((tmp_path / "called").glob("*.yaml"))
    assert [path.name for path in found] == [f"p.{share}.yaml" for share in (0.6, 0.7, 0.8)]
    for path in found:
        assert path.read_bytes() == (tmp_path / "commanded" / path.name).read_bytes()


def test_explain_and_apply(netsurgery, pair: Pair, tmp_path: Path) -> None:
    plan = ns.plan(pair, ns.PlanRequest(energy=0.9), tmp_path / "plan.yaml")
    explained = netsurgery("explain", tmp_path / "plan.yaml", "--json")
    assert json.loads(explained.out) == json.loads(json.dumps(ns.explain(plan).to_dict()))
    commanded = tmp_path / "commanded"
    assert not netsurgery("apply", tmp_path / "plan.yaml", *pair, "-o", commanded).status
    same_files(commanded, ns.write_applied(pair, plan, tmp_path / "called").files)
    same_files(commanded, ns.apply(pair, tmp_path / "plan.yaml").save(tmp_path / "by-hand"))


@NEEDS_OPENCV
@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        ("--rank fc6=4 --no-verify", {"rank": {"fc6": 4}, "verify": False}),
        (
            "--params 0.8 --methods svd --calibrate DATA --samples 16 --max-error 5 --seed 2",
            {
                "budget": ns.Budget(params=0.8),
                "methods": ("svd",),
                "calibrate": "DATA",
                "samples": 16,
                "max_error": 5.0,
                "seed": 2,
            },
        ),
        (
            "--rank fc6=4 --fit data --calibrate DATA --inputs DATA --accept-loss",
            {
                "rank": {"fc6": 4},
                "fit": "data",
                "calibrate": "DATA",
                "inputs": ["DATA"],
                "accept_loss": True,
            },
        ),
    ],
)
def test_compress(
    netsurgery, pair: Pair, data: Path, tmp_path: Path, flags: str, asked: dict
) -> None:
    """The record is the same, too, told in the same words."""
    arguments = [data if word == "DATA" else word for word in (*flags.split(), *OPENCV)]
    done = netsurgery("compress", *pair, *arguments, "-o", tmp_path / "commanded")
    assert done.status in (0, 1), done.err
    named = {
        name: data if value == "DATA" else [data] if value == ["DATA"] else value
        for name, value in asked.items()
    }
    request = ns.CompressRequest(**named, engine="opencv")
    called = ns.compress(pair, request, tmp_path / "called", name=flag)
    assert bool(called) is (done.status == 0)
    same_files(tmp_path / "commanded", called.files)


def test_a_plan_alone_is_carried_out_and_proved(pair: Pair, tmp_path: Path) -> None:
    plan = ns.Plan((ns.Edit("fc6", "svd", {"rank": 4}),))
    asked = ns.compress(pair, ns.CompressRequest(plan=plan), tmp_path / "asked")
    alone = ns.compress(pair, plan, tmp_path / "alone")
    assert alone
    same_files(tmp_path / "asked", alone.files)
    assert (alone.unproven, alone.plan) == (asked.unproven, asked.plan)


@NEEDS_OPENCV
def test_thin(netsurgery, pair: Pair, data: Path, tmp_path: Path) -> None:
    flags = "--keep", "fc6=0.5", "--calibrate", data, "--save-plan", tmp_path / "a.yaml"
    done = netsurgery("thin", *pair, *flags, *OPENCV, "-o", tmp_path / "commanded")
    request = ns.ThinRequest(
        keep={"fc6": 0.5}, calibrate=data, save_plan=tmp_path / "b.yaml", engine="opencv"
    )
    called = ns.thin(pair, request, tmp_path / "called", name=flag)
    assert done.status == (0 if called else 1), done.err
    same_files(tmp_path / "commanded", called.files)
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()


def test_a_preview_is_what_a_dry_run_prints(netsurgery, pair: Pair, tmp_path: Path) -> None:
    done = netsurgery("compress", *pair, "--rank", "fc6=4", "--dry-run")
    assert ns.preview(pair, ns.CompressRequest(rank={"fc6": 4})).diff.rstrip() == done.out.rstrip()
    done = netsurgery("thin", *pair, "--width", "8", "--dry-run")
    assert ns.preview(pair, ns.ThinRequest(width=8)).diff.rstrip() == done.out.rstrip()


def flag(argument: str) -> str:
    """The option that stands for an argument."""
    return f"--{argument.replace('_', '-')}"


def same_files(folder: Path, files: tuple[Path, ...]) -> None:
    """The files have the bytes of those of the same names in a folder, which has no others."""
    assert {path.name for path in folder.iterdir()} == {path.name for path in files}
    for path in files:
        assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
