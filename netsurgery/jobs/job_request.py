"""What every request is: data of the types that it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping

from netsurgery.validation import require_fields


@dataclass(frozen=True)
class JobRequest:
    """What a job is asked; nothing of it may be of another type than its annotation says.

    Attributes:
        recipes: The job whose recipes it takes, where it has a field for one.

    Raises:
        RequestError: Something is.
    """

    recipes = ""  # not annotated, as it is no field

    def __post_init__(self) -> None:
        require_fields(self)

    def recipe_settings(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the settings of a recipe are where all else is as this request says."""
        return settings
