"""Ways to make nets smaller that are known from papers, each under a name."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple, TypeVar

from netsurgery.errors import PlanError
from netsurgery.formats import read_yaml
from netsurgery.jobs.job_request import JobRequest

_FOLDER = Path(__file__).with_name("recipes")
_WORDS = ("description", "source")
_TUNING = ("finetune", "prune")
"""Jobs that tune."""


@dataclass(frozen=True)
class Recipe:
    """A way to make nets smaller.

    Attributes:
        name: What it is called.
        settings: By the jobs that it takes, in their order: what it says of their requests, by the
            names of the fields.
        description: What it does, in a line.
        source: Whose it is, and where it is written down.
    """

    name: str
    settings: Mapping[str, Mapping[str, Any]]
    description: str
    source: str

    @property
    def steps(self) -> Tuple[str, ...]:
        """The jobs that are done, in their order; where none of its own tunes, one that does."""
        own = tuple(self.settings)
        return own if any(job in own for job in _TUNING) else (*own, _TUNING[0])


@lru_cache(maxsize=1)
def known_recipes() -> Dict[str, Recipe]:
    """Return all recipes by name, in the order of names."""
    return {path.stem: _read(path) for path in sorted(_FOLDER.glob("*.yaml"))}


def recipe_names(job: str) -> Tuple[str, ...]:
    """Return the names of the recipes that say something of a job, in their order."""
    return tuple(name for name, one in known_recipes().items() if job in one.settings)


def find_recipe(name: str, job: str) -> Recipe:
    """Return a recipe by its name.

    Args:
        name: Its name.
        job: A job that it has to say something of.

    Raises:
        PlanError: There is none; the text lists those there are.
    """
    known = known_recipes()
    if name in known and job in known[name].settings:
        return known[name]
    problem = f"there is no recipe {name!r}"
    if name in known:
        problem = f"recipe {name!r} is for {' and '.join(known[name].settings)}, not for {job}"
    raise PlanError(problem, remedy=f"choose among {', '.join(recipe_names(job))}")


Request = TypeVar("Request", bound=JobRequest)


def with_recipe(job: str, request: Request) -> Request:
    """Return a request with what its recipe says in place of what is as it is by default.

    Args:
        job: The job.
        request: One that has a ``recipe``, and defaults for all fields.

    Raises:
        PlanError: There is no such recipe of the job.
    """
    name = vars(request)["recipe"]
    if name is None:
        return request
    usual = {field.name: getattr(type(request)(), field.name) for field in fields(request)}
    changes = {
        field: value
        for field, value in find_recipe(name, job).settings[job].items()
        if getattr(request, field) == usual[field]
    }
    return replace(request, **changes)


def _read(path: Path) -> Recipe:
    told = dict(read_yaml(path.read_text(encoding="utf-8"), path))
    description, source = (told.pop(word) for word in _WORDS)
    return Recipe(path.stem, told, description, source)
