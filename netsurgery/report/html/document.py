"""A page as data, and as one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Optional, Sequence, Tuple, Union

from netsurgery.errors import NetsurgeryError, visible
from netsurgery.formats import write_whole
from netsurgery.report.glossary import TERMS
from netsurgery.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

    from netsurgery.report.html.graph_drawing import Drawing
    from netsurgery.report.html.zoo_page import Models

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"
"""Moods: each has a sign beside its colour."""


@dataclass(frozen=True)
class Fact:
    """A figure before and after, for those who read nothing else.

    Attributes:
        name: What it is of.
        before: As text.
        after: As text.
        left: The share that is left, where both are known.
    """

    name: str
    before: str
    after: str
    left: Optional[float] = None


@dataclass(frozen=True)
class Lines:
    """Texts below each other.

    Attributes:
        lines: The texts.
        mood: How they are meant, or "".
    """

    macro: ClassVar[str] = "lines"
    lines: Sequence[str]
    mood: str = ""


@dataclass(frozen=True)
class PageTable:
    """A table, which scrolls in its own box where it is wider than the page.

    Attributes:
        columns: Titles; those that begin with ``>`` are above numbers.
        rows: Texts.
        caption: What it shows.
        shares: For each row, how long the bar in its second column is, 0 to 1; without, no bars.
        marked: The rows that stand out.
    """

    macro: ClassVar[str] = "table"
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    shares: Sequence[float] = ()
    marked: Sequence[int] = ()


@dataclass(frozen=True)
class Plot:
    """A plot as SVG.

    Attributes:
        svg: The element, from `netsurgery.report.html.plots`.
        caption: What it shows, in words that do without the plot.
    """

    macro: ClassVar[str] = "plot"
    svg: str
    caption: str


@dataclass(frozen=True)
class Plots:
    """Small plots beside each other.

    Attributes:
        plots: The plots.
    """

    macro: ClassVar[str] = "plots"
    plots: Sequence[Plot]


@dataclass(frozen=True)
class Nets:
    """Two nets drawn side by side, or above each other where there is no room.

    Attributes:
        before: The first.
        after: The second.
    """

    macro: ClassVar[str] = "nets"
    before: Drawing
    after: Drawing


@dataclass(frozen=True)
class Picture:
    """A picture that lies in the page itself.

    Attributes:
        png: The file's bytes.
        caption: What it shows.
        width: Pixels.
        height: Pixels.
        boxes: Frames around what a detector finds: a class of the style (``before``, ``after``),
            the label, and left, top, width, height in pixels.
    """

    png: bytes
    caption: str
    width: int
    height: int
    boxes: Sequence[Tuple[str, str, float, float, float, float]] = ()

    @property
    def uri(self) -> str:
        """The picture as an address."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"


@dataclass(frozen=True)
class Pictures:
    """Pictures that belong together.

    Attributes:
        pictures: In their order.
        caption: What they show together.
    """

    macro: ClassVar[str] = "pictures"
    pictures: Sequence[Picture]
    caption: str


Part = Union[Lines, PageTable, Plot, Plots, Nets, Pictures, "Models"]


@dataclass(frozen=True)
class PageSection:
    """A part of a page under a heading.

    Attributes:
        title: The heading; the section's anchor is made of it.
        parts: What stands there.
        intro: What it shows, in a sentence or two.
    """

    title: str
    parts: Sequence[Part]
    intro: str = ""

    @property
    def anchor(self) -> str:
        """Its name in an address."""
        return "-".join(self.title.lower().split())


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        kind: What made it, for example ``compress``.
        title: Its title.
        lead: What everybody should know, in plain words.
        mood: `GOOD`, `DOUBTFUL` or `BAD`.
        facts: Figures before and after.
        sections: The rest.
        words: Headings of the glossary whose words the page uses.
    """

    kind: str
    title: str
    lead: str
    mood: str
    facts: Sequence[Fact]
    sections: Sequence[PageSection]
    words: Sequence[str] = ()


def require_pages() -> None:
    """See that pages can be written, before any work is done for one.

    Raises:
        NetsurgeryError: A library that makes them is not installed.
    """
    try:
        import igraph  # noqa: F401
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise NetsurgeryError(
            f"the page needs {error.name}", remedy="pip install 'netsurgery[html]'"
        ) from None


def render(page: Page) -> str:
    """Return a page as HTML, whatever its texts hold."""
    words = [entry for heading in page.words for entry in TERMS[heading].items()]
    made = _environment().get_template("page.html.j2")
    return made.render(page=page, words=words, version=__version__)


def save_page(page: Page, path: Union[str, Path]) -> None:
    """Write a page.

    Raises:
        FormatError: The file cannot be written.
    """
    write_whole(path, render(page).encode("utf-8", "backslashreplace"))


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("netsurgery.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["drawn"] = _drawn
    return made


def _shown(value: Any) -> Any:
    """Spell out what no reader sees; what is HTML already was looked at before."""
    return visible(value) if type(value) is str else value


def _drawn(svg: str) -> Any:
    """Mark a drawing of ours as HTML."""
    from markupsafe import Markup

    return Markup(svg)
