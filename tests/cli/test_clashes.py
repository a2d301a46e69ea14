"""What contradicts itself is refused before anything is read, not resolved in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import click
import pytest

from netsurgery.cli import cli
from netsurgery.cli._clashes import CLASHES, NEEDS
from netsurgery.cli._options import arguments_of, spelling

FILES = {"verify": 4, "apply": 1, "explain": 1, "convert": 2}
NEEDED = {"apply": ["-o", "nowhere"]}
VALUES = {
    "rank": "fc6=4", "energy": "0.9", "error": "0.1", "bytes": "5kB", "sweep": "0.3:0.9:0.1",
    "keep": "fc7", "suffixes": "_a,_b", "mean": "1,2,3", "channel_swap": "2,1,0",
    "images_dim": "8,8", "macs": "0.5", "params": "50%", "latency": "0.5", "min_agreement": "1",
    "max_error": "0.1", "max_loss": "0.01", "preset": "mtcnn", "plot": "plot.svg",
    "output_kinds": "prob=classes", "input_scale": "1", "raw_scale": "1",
    "temperature": "3", "lr": "0.1",
    "zoom": "0.3", "hold_out": "0.3", "sparsity": "0.9", "factor_rank": "0.25",
    "flops_regularization": "0.001",
}  # fmt: skip


def value_of(param: click.Parameter, wanted: str) -> list[str]:
    """The option with a value that it takes."""
    flag = spelling(param)
    if getattr(param, "is_flag", False):
        return [flag]
    if isinstance(param.type, click.Choice):
        return [flag, wanted or str(param.type.choices[-1])]
    number = isinstance(param.type, (click.types.IntParamType, click.types.FloatParamType))
    value = wanted or VALUES.get(param.name or "", "3" if number else "some.file")
    return [flag, *[value] * param.nargs]


def pairs() -> Iterator[tuple[str, list[str]]]:
    """Every two options that the table knows as a contradiction, of every command."""
    context = click.Context(cli)
    for command in cli.list_commands(context):
        known = arguments_of(cli.get_command(context, command))
        for clash in (*CLASHES[""], *CLASHES.get(command, ())):
            for one in clash.some:
                for other in clash.others:
                    names = [text.partition("=")[::2] for text in (one, other)]
                    if all(name in known for name, _ in names):
                        yield command, [w for n, v in names for w in value_of(known[n], v)]


@pytest.mark.parametrize(("command", "options"), list(pairs()))
def test_every_pair_is_refused_and_named(
    netsurgery, tmp_path: Path, command: str, options: list[str]
) -> None:
    # None of the files is there: what is refused is refused before any is looked for.
    files = [f"missing{number}" for number in range(FILES.get(command, 2))]
    done = netsurgery(command, *files, *options, *NEEDED.get(command, ()))
    assert done.status == 2
    assert "contradict each other" in done.err
    flags = [word for word in options if word.startswith("--")]
    assert all(flag in done.err for flag in flags)
    assert len(done.err.splitlines()) == 1


def lonely() -> Iterator[tuple[str, list[str]]]:
    context = click.Context(cli)
    for command in cli.list_commands(context):
        known = arguments_of(cli.get_command(context, command))
        for need in (*NEEDS[""], *NEEDS.get(command, ())):
            if any(name in known for name in need.others):
                yield from (
                    (command, value_of(known[name], "")) for name in need.some if name in known
                )


@pytest.mark.parametrize(("command", "options"), list(lonely()))
def test_an_option_that_would_do_nothing_is_refused(
    netsurgery, command: str, options: list[str]
) -> None:
    done = netsurgery(command, "missing0", "missing1", *options, *NEEDED.get(command, ()))
    assert done.status == 2
    assert f"{options[0]} needs --" in done.err


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("thin", "--from-zeros --macs 0.5"),
        ("thin", "--from-zeros --width 8"),
        ("thin", "--from-zeros --calibrate x.npz"),
        ("thin", "--no-compensate --compensate refit --width 8"),
        ("compress", "--macs 0.5 --rank fc6=4"),
        ("compress", "--macs 0.5 --fit data"),
        ("compress", "--macs 0.5 --method tucker"),
        ("compress", "--method svd --methods svd --macs 0.5"),
        ("compress", "--plan plan.yaml --energy 0.9"),
        ("compress", "--plan plan.yaml --macs 0.9"),
        ("compress", "--plan plan.yaml --keep fc6"),
        ("compress", "--energy 0.9 --no-verify --max-error 0.1"),
        ("compress", "--energy 0.9 --dry-run --json"),
        ("compress", "--energy 0.9 --random 5 --inputs x.npz"),
        ("compress", "--energy 0.9 --engine opencv --caffe-python python"),
        ("compress", "--energy 0.9 --mean 1 --mean-file m.npy"),
        ("plan", "--sweep 0.3:0.9:0.1 --energy 0.9"),
        ("plan", "--sweep 0.3:0.9:0.1 --macs 0.5"),
        ("plan", "--sweep bytes=0.3:0.9:0.1 --bytes 5kB"),
    ],
)
def test_contradictions_that_were_once_resolved_in_silence(
    netsurgery, pair, tmp_path: Path, command: str, options: str
) -> None:
    output = ["-o", tmp_path / "out"] if command != "plan" else []
    done = netsurgery(command, *pair, *options.split(), *output)
    assert done.status == 2, done.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("command", "options", "told"),
    [
        ("compress", "--rank fc6=4 --energy fc6=0.9", "rank fc6=4 and energy fc6=0.9 contradict"),
        ("compress", "--rank fc6=4 --rank fc6=5", "contradict each other"),
        ("compress", "--energy 0.9 --error 0.1", "contradict each other"),
        ("compress", "--rank fc6=4 --keep fc6", "speaks only of what is to be kept"),
        ("compress", "--rank fc*=4 --keep InnerProduct", "speaks only of what is to be kept"),
        ("thin", "--keep fc6=8 --keep fc6=16", "contradict each other"),
        ("thin", "--keep 0.5 --width 8", "leave the width no choice"),
        ("thin", "--keep 0.5 --macs 0.5", "leave the budget no choice"),
    ],
)
def test_rules_that_contradict_each_other(
    netsurgery, pair, tmp_path: Path, command: str, options: str, told: str
) -> None:
    done = netsurgery(command, *pair, *options.split(), "-o", tmp_path / "out")
    assert done.status == 2, done.out
    assert told in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        "--rank fc*=50% --rank fc6=4",
        "--energy 0.9 --rank fc6=4",
        "--energy 0.9 --keep fc7",
        "--rank fc*=50% --keep fc7",
        "--macs 0.9 --params 0.9 --keep fc7",
        "--macs 0.9 --fold-batchnorm --split sqrt --round 2",
    ],
)
def test_what_only_narrows_is_no_contradiction(netsurgery, pair, options: str) -> None:
    done = netsurgery("plan", *pair, *options.split())
    assert done.status == 0, done.err
