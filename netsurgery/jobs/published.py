"""Ways to make nets smaller that are known from papers, each under a name."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, TypeVar, cast

from netsurgery.errors import NetsurgeryError, PlanError, Remedy
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


@functools.lru_cache(maxsize=1)
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
        problem = f"recipe {name!r} is for {' and '.join(known[name].settings)}, and not for this"
    raise PlanError(problem, remedy=f"choose among {', '.join(recipe_names(job))}")


Request = TypeVar("Request", bound=JobRequest)
Function = TypeVar("Function", bound=Callable[..., Any])


def with_recipe(request: Request) -> Request:
    """Return a request with what its recipe says in place of what is as it is by default.

    Args:
        request: One with defaults for all fields; `JobRequest.recipes` names the job.

    Raises:
        PlanError: There is no such recipe of the job.
    """
    return replace(request, **_changes(request)) if _name(request) else request


def by_recipe(function: Function) -> Function:
    """Make a job do as the recipe of its request says.

    Where it refuses an argument that the recipe has set, and nobody gave, the error tells so.

    Args:
        function: Takes a model, a request and more.
    """

    @functools.wraps(function)
    def done(model: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        name = _name(request)
        if name is None:
            return function(model, request, *args, **kwargs)
        changes = _changes(request)
        try:
            return function(model, replace(request, **changes), *args, **kwargs)
        except NetsurgeryError as error:
            _tell(error, name, changes)
            raise

    return cast(Function, done)


def _name(request: object) -> Optional[str]:
    """The recipe that a request names; None for none, and for what is no request."""
    return getattr(request, "recipe", None)


def _changes(request: JobRequest) -> Dict[str, Any]:
    """What a recipe says of the fields of a request that are as they are by default."""
    recipe = find_recipe(_name(request) or "", request.recipes)
    usual = {field.name: getattr(type(request)(), field.name) for field in fields(request)}
    return {
        field: value
        for field, value in request.recipe_settings(recipe.settings[request.recipes]).items()
        if getattr(request, field) == usual[field]
    }


def _tell(error: NetsurgeryError, recipe: str, changes: Mapping[str, Any]) -> None:
    """Have an error say of the arguments it names which a recipe has set, and to what."""
    texts = [text for text in (error.problem, error.remedy) if isinstance(text, Remedy)]
    named = dict.fromkeys(name for text in texts for name in text.arguments if name in changes)
    if not named:
        return
    problem = error.problem
    if not isinstance(problem, Remedy):
        problem = Remedy(_as_words(problem))
    listed = " and ".join(f"{{}} {_as_words(_shown(changes[name]))}" for name in named)
    words = f"{problem.words} ({{}} {_as_words(recipe)} says {listed})"
    error.problem = Remedy(words, *problem.arguments, "recipe", *named)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _as_words(text: str) -> str:
    """A text as the words of a remedy that names nothing."""
    return text.replace("{", "{{").replace("}", "}}")


def _read(path: Path) -> Recipe:
    told = dict(read_yaml(path.read_text(encoding="utf-8"), path))
    description, source = (told.pop(word) for word in _WORDS)
    return Recipe(path.stem, told, description, source)
