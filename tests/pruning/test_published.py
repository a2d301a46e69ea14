"""Recipes say only what a request to prune can say, and what is given goes before them."""

from __future__ import annotations

import pytest

import netsurgery as ns
from netsurgery.errors import PlanError
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.pruning import find_recipe, known_recipes


@pytest.mark.parametrize("name", sorted(known_recipes()))
def test_a_recipe_is_a_request_that_contradicts_nothing(name: str) -> None:
    recipe = find_recipe(name)
    asked = {"macs": 0.5} if recipe.settings["saliency"] == "taylor" else {"sparsity": 0.5}
    found = ns.PruneRequest(recipe=name, calibrate="some.npz", **asked).with_recipe()
    refuse_contradictions("prune", found)
    assert {key: getattr(found, key) for key in recipe.settings} == recipe.settings
    assert recipe.description
    assert name[-4:] in recipe.source


def test_what_is_given_goes_before_a_recipe() -> None:
    found = ns.PruneRequest(recipe="han2015", rounds=5, sparsity=0.9).with_recipe()
    assert (found.rounds, found.scope, found.schedule) == (5, "layer", "rounds")


def test_an_unknown_recipe_is_told_with_those_there_are() -> None:
    with pytest.raises(PlanError, match="there is no recipe 'mine'; choose among guo2016, han2015"):
        ns.PruneRequest(recipe="mine").with_recipe()
