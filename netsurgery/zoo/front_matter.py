"""The readme.md of Caffe's model zoo, which says in front where weights are to be had."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from netsurgery.errors import FormatError
from netsurgery.formats import MarkedData, read_marked_yaml, told

_LONGEST = 1 << 20
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)


@dataclass(frozen=True)
class FrontMatter:
    """What a readme says of weights.

    Attributes:
        readme: The file.
        weights: Where they lie or are to lie: beside the readme.
        url: Where they are to be had.
        sha1: Their checksum.
        license: What their authors allow.
        gist_id: The gist that the model is from.
        name: What the model is called.
    """

    readme: Path
    weights: Path
    url: Optional[str] = None
    sha1: Optional[str] = None
    license: Optional[str] = None
    gist_id: Optional[str] = None
    name: Optional[str] = None

    @property
    def source(self) -> Optional[str]:
        """Where the model is from: its URL, or its gist."""
        if self.url is None and self.gist_id is not None:
            return f"https://gist.github.com/{self.gist_id}"
        return self.url


def is_readme(path: Path) -> bool:
    """Return whether a file is called as readmes of Caffe's model zoo are."""
    return path.name.lower() == "readme.md"


def read_front_matter(path: Path) -> Optional[FrontMatter]:
    """Read what a readme says in front.

    Args:
        path: The file.

    Returns:
        None where it says nothing of weights, as most readmes do.

    Raises:
        FormatError: It cannot be read, or says what cannot be; names the line.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as stream:
            found = _FRONT.match(stream.read(_LONGEST))
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", file=path) from None
    if not found or "caffemodel" not in found[1]:
        return None
    # The line of the dashes stays, so that lines are counted as in the file.
    text = f"\n{found[1]}"
    marked = read_marked_yaml(text, path)
    if not isinstance(marked.data, dict) or "caffemodel" not in marked.data:
        return None
    file = _text(marked, text, "caffemodel")
    if (
        file is None
        or Path(file).name != file
        or file in (".", "..")
        or re.search(r"[\\/:\0]", file)
    ):
        problem = f"caffemodel: {told(marked.data['caffemodel'])} is no name of a file beside this"
        raise marked.error(("caffemodel",), problem)
    sha1 = _text(marked, text, "sha1")
    if sha1 is not None and not re.fullmatch(r"[0-9a-fA-F]{40}", sha1):
        raise marked.error(("sha1",), f"sha1: {told(sha1)} is no checksum of 40 digits")
    return FrontMatter(
        path,
        path.parent / file,
        _text(marked, text, "caffemodel_url"),
        sha1,
        _text(marked, text, "license"),
        _text(marked, text, "gist_id"),
        _text(marked, text, "name"),
    )


def _text(marked: MarkedData, text: str, key: str) -> Optional[str]:
    value: Any = marked.data.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        # A checksum of digits alone is a number to YAML, and one to another base behind a zero.
        line = text.split("\n")[marked.lines[(key,)] - 1]
        return line.partition(":")[2].partition("#")[0].strip()
    if not isinstance(value, str):
        raise marked.error((key,), f"{key}: {told(value)} is no text", "put it in quotes")
    return value
