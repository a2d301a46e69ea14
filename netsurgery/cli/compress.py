"""``netsurgery compress``: plan, apply, write and prove, in one."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Optional

import click

from netsurgery.cli._inputs import (
    engine_options,
    input_options,
    read_engine,
    read_samples,
    tolerance_options,
)
from netsurgery.cli._options import (
    FILE,
    FOLDER,
    json_option,
    options,
    print_json,
    progress,
    prototxt_argument,
    weights_argument,
)
from netsurgery.cli._rules import make_plan, read_wishes, rule_options

ENGINE = ("engine", "caffe_python", "pythonpath")
RULES = (
    *("ranks", "energies", "errors", "keep", "allow_growth", "split", "naming", "templates"),
    "fold_batchnorm",
)


@click.command("compress")
@options(
    prototxt_argument,
    weights_argument,
    click.option("-o", "--output", type=FOLDER, help="Folder for the new pair and its report."),
    rule_options,
    click.option("--plan", "plan_file", type=FILE, help="A plan to carry out, in place of rules."),
    click.option(
        "--dry-run", is_flag=True, help="Print the change to the prototxt, write nothing."
    ),
    tolerance_options,
    click.option("--no-verify", is_flag=True, help="Write the pair without running it."),
    click.option(
        "--blobs",
        type=click.Choice(["direct", "caffe"]),
        default="direct",
        show_default=True,
        help="Who writes the caffemodel: this tool, or pycaffe (net.params, net.save).",
    ),
    click.option("--html", type=FILE, help="Also write the report as a page."),
    input_options,
    engine_options,
    json_option,
)
@click.pass_context
def command(
    ctx: click.Context,
    prototxt: Path,
    weights: Path,
    output: Optional[Path],
    plan_file: Optional[Path],
    dry_run: bool,
    as_json: bool,
    html: Optional[Path],
    **given: Any,
) -> None:
    r"""Make a model smaller and prove what that did to its outputs.

    \b
    netsurgery compress deploy.prototxt net.caffemodel --rank fc6=1024 --rank fc7=256 -o out/
    netsurgery compress deploy.prototxt net.caffemodel --energy 0.9 -o out/

    Exit status: 0 the pair is written and proved, or written and said to be unproven; 1 the
    proof failed; 2 could not run.
    """
    from netsurgery.compression import compress
    from netsurgery.network.model import load
    from netsurgery.report.compression import print_compression
    from netsurgery.report.page import require_plots, write_page

    if output is None and not dry_run:
        raise click.UsageError("say where the new pair goes: -o OUT")
    if html:
        require_plots()
    model = load(prototxt, weights)
    with progress("compressing") as step:
        plan = _plan(model, plan_file, {name: given.pop(name) for name in RULES}, step)
        if dry_run:
            _print_diff(model, plan, step)
            return
        engine = read_engine(*(given.pop(name) for name in ENGINE))
        through_caffe = given.pop("blobs") == "caffe"
        done = compress(
            model,
            plan,
            output or Path(),
            _proof(model, engine, given),
            writer=_writer(engine) if through_caffe else None,
            progress=step,
        )
    if html:
        write_page(done, html)
    if as_json:
        print_json(done.to_dict())
    else:
        print_compression(done)
    ctx.exit(0 if done else 1)


def _plan(model: Any, plan_file: Optional[Path], rules: dict, step: Any) -> Any:
    from netsurgery.planning import Plan

    if plan_file:
        if any(rules[name] for name in ("ranks", "energies", "errors", "fold_batchnorm")):
            raise click.UsageError("give a plan or rules, not both")
        return Plan.load(plan_file)
    return make_plan(model, read_wishes(predict=False, **rules), rules["fold_batchnorm"], step)


def _proof(model: Any, engine: Any, given: dict) -> Any:
    from netsurgery.compression import Proof

    wanted = not given.pop("no_verify")
    return Proof(engine=engine, inputs=read_samples(model, given), wanted=wanted, **given)


def _writer(engine: Any) -> Any:
    from netsurgery.engines import engine as engine_called

    return engine if engine is not None and engine.name == "caffe" else engine_called("caffe")


def _print_diff(model: Any, plan: Any, step: Any) -> None:
    from netsurgery.surgery import operate

    before, after = model.prototxt, operate(model, plan, progress=step).model.prototxt
    old, new = (
        bytes(text).decode("utf-8", "replace").splitlines(keepends=True) for text in (before, after)
    )
    lines = difflib.unified_diff(old, new, str(before.file), "compressed")
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
    click.echo(text or "no layer gains: the prototxt stays as it is")
