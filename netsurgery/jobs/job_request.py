"""What every request is: data of the types that it says."""

from __future__ import annotations

from dataclasses import dataclass

from netsurgery.validation import require_fields


@dataclass(frozen=True)
class JobRequest:
    """What a job is asked; nothing of it may be of another type than its annotation says.

    Raises:
        RequestError: Something is.
    """

    def __post_init__(self) -> None:
        require_fields(self)
