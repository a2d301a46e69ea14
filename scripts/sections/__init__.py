"""Sections of docs/results.md, one a file: each has a TITLE and a `write(zoo, data)`."""

from __future__ import annotations

SECTIONS = (
    *("low_rank", "shared_factors", "convolutions", "photos", "zeros", "spearman"),
    *("thinning", "detector", "zoo_thinning", "sparse_mnist", "sparse_cifar"),
    *("tuning_cifar", "thin_width", "photos_tuned", "cats_and_dogs", "training_cost"),
)
"""Their order."""

END = "<!-- end -->"


def put_in(document: str, name: str, title: str, text: str) -> str:
    """Return the document with a section in its place, and everything else as it was.

    Args:
        document: What there was.
        name: The section, one of `SECTIONS`.
        title: Its heading.
        text: What stands below.

    Raises:
        ValueError: A section in the document has no end.
    """
    block = f"{_start(name)}\n## {title}\n\n{text.strip()}\n\n{END}"
    if _start(name) in document:
        before, rest = document.split(_start(name), 1)
        if END not in rest:
            raise ValueError(f"section {name} has no {END}")
        return before + block + rest.split(END, 1)[1]
    later = SECTIONS[SECTIONS.index(name) + 1 :]
    places = [document.index(_start(other)) for other in later if _start(other) in document]
    place = min(places, default=len(document))
    before, after = document[:place].rstrip(), document[place:].lstrip()
    return f"{before}\n\n{block}\n" + (f"\n{after}" if after else "")


def _start(name: str) -> str:
    return f"<!-- section: {name} -->"
