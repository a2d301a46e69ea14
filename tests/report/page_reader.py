"""Read pages: by a parser that refuses what is not well formed, and in a real browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Dict, List, Set, Tuple

from conftest import skip_or_fail

VOID = {"meta", "input", "path", "use", "br", "rect", "circle", "image"}


class Page(HTMLParser):
    """What stands in a page; an element that is closed where another is open is refused."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: List[str] = []
        self.elements: Set[str] = set()
        self.attributes: Set[str] = set()
        self.ids: List[str] = []
        self.addresses: List[str] = []
        self.sections: List[str] = []
        self.tables: List[List[List[str]]] = []
        self.texts: List[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, object]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        self.elements.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(str(value))
            elif name in ("href", "src", "xlink:href"):
                self.addresses.append(str(value))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())
        if self.open and self.open[-1] == "h2":
            self.sections.append(data)
        if self.open[-1:] in (["td"], ["th"]) or self.open[-2:] == ["td", "a"]:
            self.tables[-1][-1][-1] += data.strip()

    def rows(self, number: int) -> List[Dict[str, str]]:
        """The rows of a table, by the titles of its columns."""
        titles, *rows = self.tables[number]
        return [dict(zip(titles, row)) for row in rows]

    def check(self) -> None:
        """See that it is one file, without scripts, whose parts have names of their own."""
        assert "script" not in self.elements
        assert not [name for name in self.attributes if name.startswith("on")]
        assert len(set(self.ids)) == len(self.ids)
        outside = [one for one in self.addresses if not one.startswith(("#", "data:"))]
        assert not outside
        assert {one[1:] for one in self.addresses if one.startswith("#")} <= set(self.ids)


MEASURED = """\
<!DOCTYPE html><meta charset="utf-8"><body style="margin: 0">
<iframe style="width: {width}px; height: 900px; border: 0" srcdoc="{page}"></iframe><pre></pre>
<script>
addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentDocument;
  const headings = [...page.querySelectorAll("h2")];
  document.querySelector("pre").textContent = JSON.stringify({{
    width: page.documentElement.scrollWidth,
    headings: headings.filter(
      one => one.getBoundingClientRect().height).map(one => one.textContent),
    empty: [...page.querySelectorAll("svg, section")].filter(
      one => !one.getBoundingClientRect().height).length,
  }});
}});
</script>"""


def measured(page: str, folder: Path, width: int = 360) -> Dict[str, object]:
    """Lay a page out in a real browser, in so many pixels; a message on its console is refused."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        skip_or_fail("needs chromium, which is not here")
    harness = folder / "harness.html"
    text = MEASURED.format(width=width, page=html.escape(page))
    harness.write_text(text, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    flags.append("--hide-scrollbars")
    asked = [str(browser), *flags, f"--user-data-dir={folder / 'browser'}", harness.as_uri()]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    found = re.search(r"<pre>(.+?)</pre>", done.stdout)
    assert found, done.stdout
    return json.loads(html.unescape(found[1]))
