"""Ways that papers took, under their names."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np
import pytest
from small_models import two_layers

import netsurgery as ns
from netsurgery.errors import NetsurgeryError, PlanError, Remedy, RequestError
from netsurgery.jobs import by_recipe, find_recipe, known_recipes, recipe_names, with_recipe
from netsurgery.jobs.contradictions import refuse_contradictions

REQUESTS: Dict[str, Any] = {
    "compress": ns.CompressRequest,
    "finetune": ns.FinetuneRequest,
    "plan": ns.PlanRequest,
    "prune": ns.PruneRequest,
    "thin": ns.ThinRequest,
}
SOME = ns.Inputs({"data": np.zeros((8, 3, 4, 4), np.float32)})
ALL = [(name, job) for name, recipe in known_recipes().items() for job in recipe.settings]


def asked(job: str, name: str) -> Dict[str, Any]:
    """What beside a recipe has to be said."""
    if job == "compress":
        return {"rank": {"fc6": 4}}
    if job == "thin":
        return {"width": 8}
    calibrate = {"calibrate": "some.npz"}
    if job == "prune":
        by_channels = find_recipe(name, job).settings[job]["saliency"] == "taylor"
        return {**calibrate, **({"macs": 0.5} if by_channels else {"sparsity": 0.5})}
    return calibrate


@pytest.mark.parametrize(("name", "job"), ALL)
def test_a_recipe_is_a_request_that_contradicts_nothing(name: str, job: str) -> None:
    recipe = find_recipe(name, job)
    found = with_recipe(REQUESTS[job](recipe=name, **asked(job, name)))
    refuse_contradictions(job, found)
    assert {key: getattr(found, key) for key in recipe.settings[job]} == recipe.settings[job]
    assert set(recipe.settings[job]) <= {field.name for field in fields(found)}
    assert recipe.description
    assert name[-4:] in recipe.source


def test_what_is_given_goes_before_a_recipe() -> None:
    found = with_recipe(ns.PruneRequest(recipe="han2015", rounds=5, sparsity=0.9))
    assert (found.schedule, found.rounds, found.scope) == ("rounds", 5, "layer")
    # What is given may be what a job does by default.
    found = with_recipe(ns.PruneRequest(recipe="han2015", scope="net", sparsity=0.9))
    assert (found.schedule, found.scope) == ("rounds", "net")
    thin = with_recipe(ns.ThinRequest(recipe="lu2017", criterion="l1", width=8))
    assert (thin.criterion, thin.compensate) == ("l1", "none")


def test_a_recipe_says_nothing_where_a_default_could_be_given() -> None:
    """Nobody could tell whether it was."""
    for name, job in ALL:
        usual = REQUESTS[job]()
        told = find_recipe(name, job).settings[job]
        assert [key for key in told if getattr(usual, key) not in (None, ())] == []


def test_without_a_recipe_a_request_is_as_it_is() -> None:
    request = ns.ThinRequest(width=8)
    assert with_recipe(request) is request


@pytest.mark.parametrize(
    ("job", "name", "told"),
    [
        ("prune", "mine", "there is no recipe 'mine'; choose among collins2014, guo2016, han2015"),
        ("thin", "mine", "there is no recipe 'mine'; choose among lu2017"),
        ("thin", "xue2013", "'xue2013' is for compress, and not for this; choose among lu2017"),
        ("prune", "denil2013", "'denil2013' is for compress and finetune, and not for this"),
        (
            "plan",
            "lu2017",
            "'lu2017' is for thin, and not for this; choose among denil2013, xue2013",
        ),
    ],
)
def test_a_recipe_of_another_kind_is_refused_with_those_there_are(
    job: str, name: str, told: str
) -> None:
    with pytest.raises(PlanError, match=told):
        with_recipe(REQUESTS[job](recipe=name))


def test_every_recipe_ends_in_tuned_weights() -> None:
    steps = {name: recipe.steps for name, recipe in known_recipes().items()}
    assert steps["collins2014"] == ("prune",)
    assert steps["lu2017"] == ("thin", "finetune")
    assert steps["denil2013"] == ("compress", "finetune")
    assert steps["xue2013"] == ("compress", "finetune")


def test_each_job_knows_its_own() -> None:
    assert recipe_names("compress") == ("denil2013", "xue2013")
    assert recipe_names("finetune") == ("denil2013",)


def written(job: Any, request: Any, out: Path) -> Tuple[bytes, bytes]:
    job(two_layers(), request, out)
    text, weights = (out / name for name in two_layers().file_names())
    return text.read_bytes(), weights.read_bytes()


@pytest.mark.parametrize(
    ("job", "short", "long"),
    [
        (
            ns.compress,
            {"recipe": "xue2013", "rank": {"fc6": 4}},
            {"method": "svd", "split": "sqrt", "rank": {"fc6": 4}},
        ),
        (
            ns.compress,
            {"recipe": "xue2013", "budget": ns.Budget(params=0.6)},
            {"methods": ["svd"], "split": "sqrt", "budget": ns.Budget(params=0.6)},
        ),
        (
            ns.compress,
            {"recipe": "denil2013", "rank": {"fc6": 4}},
            {"method": "kernel_ridge", "rank": {"fc6": 4}},
        ),
        (
            ns.thin,
            {"recipe": "lu2017", "width": 3},
            {"criterion": "somp-l1", "compensate": "none", "width": 3},
        ),
    ],
)
def test_a_recipe_writes_what_its_settings_do(
    job: Any, short: Dict[str, Any], long: Dict[str, Any], tmp_path: Path
) -> None:
    kind = ns.CompressRequest if job is ns.compress else ns.ThinRequest
    made = written(job, kind(verify=False, **short), tmp_path / "short")
    assert made == written(job, kind(verify=False, **long), tmp_path / "long")


@pytest.mark.parametrize(
    "amount", [{"rank": {"fc6": 4}}, {"budget": ns.Budget(params=0.6)}], ids=["rules", "budget"]
)
@pytest.mark.parametrize("recipe", ["xue2013", "denil2013"])
def test_a_plan_by_a_recipe_is_what_compress_carries_out(
    recipe: str, amount: Dict[str, Any], tmp_path: Path
) -> None:
    planned = ns.plan(two_layers(), ns.PlanRequest(recipe=recipe, **amount))
    assert planned.edits
    assert {edit.method for edit in planned.edits} == {
        "svd" if recipe == "xue2013" else "kernel_ridge"
    }
    request = ns.CompressRequest(recipe=recipe, verify=False, **amount)
    done = ns.compress(two_layers(), request, tmp_path)
    orders = [
        [(edit.layer, edit.method, edit.options) for edit in plan.edits]
        for plan in (planned, done.plan)
    ]
    assert orders[0] == orders[1]


def test_budgets_one_after_another_choose_ranks_of_the_method_of_a_recipe() -> None:
    swept = ns.sweep(two_layers(), ns.SweepRequest(recipe="xue2013", sweep=(0.5, 0.8)))
    edits = [edit for point in swept.points if point.plan for edit in point.plan.edits]
    assert {(edit.method, edit.options["split"]) for edit in edits} == {("svd", "sqrt")}


@pytest.mark.parametrize(
    ("job", "request_of", "told"),
    [
        (
            ns.compress,
            ns.CompressRequest(recipe="denil2013"),
            "`method` needs `rank`, `energy` or `error` "
            "(`recipe` denil2013 says `method` kernel_ridge)",
        ),
        (
            ns.prune,
            ns.PruneRequest(recipe="collins2014", sparsity=0.9),
            "`schedule` projected needs `calibrate` "
            "(`recipe` collins2014 says `schedule` projected)",
        ),
        (
            ns.prune,
            ns.PruneRequest(recipe="zhu2017", sparsity=0.5, pattern="2:4", calibrate=SOME),
            "2:4 closes all of it at once (`recipe` zhu2017 says `schedule` cubic); "
            "give `schedule` as once",
        ),
        (
            ns.prune,
            ns.PruneRequest(recipe="han2015", schedule="cubic", sparsity=0.5, calibrate=SOME),
            "`rounds` and `schedule` cubic contradict each other: there are rounds or not "
            "(`recipe` han2015 says `rounds` 3)",
        ),
        (
            ns.thin,
            ns.ThinRequest(recipe="lu2017", width=8, quick=True),
            "`quick` needs ",
        ),
    ],
)
def test_what_a_recipe_has_set_is_told_where_it_is_refused(
    job: Any, request_of: Any, told: str, tmp_path: Path
) -> None:
    with pytest.raises(NetsurgeryError) as refused:
        job(two_layers(), request_of, tmp_path / "out")
    assert told in str(refused.value)
    # Of what the recipe has set, only what the error names, and of what is given nothing.
    assert str(refused.value).count("recipe") == told.count("recipe")


def test_a_text_with_braces_stays_what_it_is(tmp_path: Path) -> None:
    @by_recipe
    def job(model: Any, request: Any) -> None:
        raise PlanError("no {} here", remedy=Remedy("give another {}", "schedule"))

    with pytest.raises(PlanError) as refused:
        job(None, ns.PruneRequest(recipe="guo2016"))
    told = "no {} here (--recipe guo2016 says --schedule dynamic); give another --schedule"
    assert refused.value.told("--{}".format) == told


def test_a_plan_says_how_and_takes_no_recipe(tmp_path: Path) -> None:
    request = ns.CompressRequest(plan=ns.Plan(), recipe="xue2013")
    with pytest.raises(RequestError, match="`plan` and `recipe` contradict each other"):
        ns.compress(two_layers(), request, tmp_path)
    dead = ns.ThinRequest(from_zeros=True, recipe="lu2017")
    with pytest.raises(RequestError, match="`from_zeros` and `recipe` contradict each other"):
        ns.thin(two_layers(), dead, tmp_path)
