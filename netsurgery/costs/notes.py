"""What was measured so far, in a JSON file, so that the next run goes on from there."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Callable, Dict, Optional, Union

from netsurgery.errors import FormatError
from netsurgery.formats import make_folder, read_json, write_together


class Notes:
    """Numbers by name, each written down as soon as it is measured.

    Attributes:
        path: The file; None to keep nothing.
    """

    def __init__(self, path: Optional[Union[str, Path]] = None) -> None:
        """Read what there is.

        Raises:
            FormatError: The file holds something else.
        """
        self.path = Path(path) if path else None
        self._numbers: Dict[str, float] = {}
        if self.path is None or not self.path.exists():
            return
        try:
            found = read_json(self.path.read_text(encoding="utf-8"))
            self._numbers = {str(name): float(value) for name, value in found.items()}
            if not all(map(math.isfinite, self._numbers.values())):
                raise ValueError("NaN is no measurement")
        except (ValueError, ArithmeticError, AttributeError, TypeError, FormatError):
            remedy = "move it away, or write the plan elsewhere"
            raise FormatError("holds no measured numbers", file=path, remedy=remedy) from None

    def get(self, name: str, measure: Callable[[], float]) -> float:
        """Return a number that is known, or measure it and write it down."""
        if name not in self._numbers:
            self._numbers[name] = measure()
            self._save()
        return self._numbers[name]

    def _save(self) -> None:
        if self.path is None:
            return
        data = (json.dumps(self._numbers, indent=1, sort_keys=True) + "\n").encode()
        make_folder(self.path.parent)
        write_together({self.path: lambda stream: stream.write(data)})
