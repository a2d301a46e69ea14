"""Ways that papers took, under their names."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, Dict, Tuple

import pytest
from small_models import two_layers

import netsurgery as ns
from netsurgery.errors import PlanError, RequestError
from netsurgery.jobs import find_recipe, known_recipes, recipe_names, with_recipe
from netsurgery.jobs.contradictions import refuse_contradictions

REQUESTS: Dict[str, Any] = {
    "compress": ns.CompressRequest,
    "finetune": ns.FinetuneRequest,
    "prune": ns.PruneRequest,
    "thin": ns.ThinRequest,
}
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
    found = with_recipe(job, REQUESTS[job](recipe=name, **asked(job, name)))
    refuse_contradictions(job, found)
    assert {key: getattr(found, key) for key in recipe.settings[job]} == recipe.settings[job]
    assert set(recipe.settings[job]) <= {field.name for field in fields(found)}
    assert recipe.description
    assert name[-4:] in recipe.source


def test_what_is_given_goes_before_a_recipe() -> None:
    found = with_recipe("prune", ns.PruneRequest(recipe="han2015", rounds=5, sparsity=0.9))
    assert (found.schedule, found.rounds, found.scope) == ("rounds", 5, "layer")
    # What is given may be what a job does by default.
    found = with_recipe("prune", ns.PruneRequest(recipe="han2015", scope="net", sparsity=0.9))
    assert (found.schedule, found.scope) == ("rounds", "net")
    thin = with_recipe("thin", ns.ThinRequest(recipe="lu2017", criterion="l1", width=8))
    assert (thin.criterion, thin.compensate) == ("l1", "none")


def test_a_recipe_says_nothing_where_a_default_could_be_given() -> None:
    """Nobody could tell whether it was."""
    for name, job in ALL:
        usual = REQUESTS[job]()
        told = find_recipe(name, job).settings[job]
        assert [key for key in told if getattr(usual, key) not in (None, ())] == []


def test_without_a_recipe_a_request_is_as_it_is() -> None:
    request = ns.ThinRequest(width=8)
    assert with_recipe("thin", request) is request


@pytest.mark.parametrize(
    ("job", "name", "told"),
    [
        ("prune", "mine", "there is no recipe 'mine'; choose among collins2014, guo2016, han2015"),
        ("thin", "mine", "there is no recipe 'mine'; choose among lu2017"),
        ("thin", "xue2013", "recipe 'xue2013' is for compress, not for thin; choose among lu2017"),
        ("prune", "denil2013", "'denil2013' is for compress and finetune, not for prune"),
    ],
)
def test_a_recipe_of_another_kind_is_refused_with_those_there_are(
    job: str, name: str, told: str
) -> None:
    with pytest.raises(PlanError, match=told):
        with_recipe(job, REQUESTS[job](recipe=name))


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


def test_a_plan_says_how_and_takes_no_recipe(tmp_path: Path) -> None:
    request = ns.CompressRequest(plan=ns.Plan(), recipe="xue2013")
    with pytest.raises(RequestError, match="`plan` and `recipe` contradict each other"):
        ns.compress(two_layers(), request, tmp_path)
    dead = ns.ThinRequest(from_zeros=True, recipe="lu2017")
    with pytest.raises(RequestError, match="`from_zeros` and `recipe` contradict each other"):
        ns.thin(two_layers(), dead, tmp_path)
