"""Readmes of Caffe's model zoo: what they say, and weights that are fetched by them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Iterator

import pytest
from web import Web
from zoo_files import net, weights, write

from netsurgery.errors import FormatError
from netsurgery.zoo import ModelBatch, read_source
from netsurgery.zoo.front_matter import FrontMatter, read_front_matter


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    """The weights that are to be had."""
    write(tmp_path, {"elsewhere.caffemodel": weights()})
    return (tmp_path / "elsewhere.caffemodel").read_bytes()


def readme(url: str = "http://127.0.0.1:9/", sha1: str = "0" * 40) -> str:
    return f"""\
---
name: A net
caffemodel: net.caffemodel
caffemodel_url: {url}
license: unrestricted
sha1: {sha1}
caffe_commit: 709dc15af4a06bebda027c1eb2b3f3e3375d5077
gist_id: 211839e770f7b538e2d8
---

caffemodel: not this one
"""


@pytest.fixture
def models(tmp_path: Path, web: Web, data: bytes) -> Path:
    """A folder with a net, and a readme that says where its weights are."""
    web.answer = lambda asked: asked.give(200, data)
    text = readme(web.url, hashlib.sha1(data).hexdigest())
    return write(tmp_path / "models", {"a/deploy.prototxt": net(), "a/readme.md": text})


def reasons(batch: ModelBatch) -> dict[str, str]:
    return {one.path.name: one.reason for one in batch.skipped}


def test_what_a_readme_says(tmp_path: Path) -> None:
    write(tmp_path, {"readme.md": readme("https://x/y")})
    assert read_front_matter(tmp_path / "readme.md") == FrontMatter(
        tmp_path / "readme.md",
        tmp_path / "net.caffemodel",
        "https://x/y",
        "0" * 40,
        "unrestricted",
        "211839e770f7b538e2d8",
        "A net",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Hello\n",
        "---\nname: x\n---\n",
        "---\ncaffemodel: x\n",
        "a\n---\ncaffemodel: x\n---\n",
    ],
)
def test_other_readmes_say_nothing(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"readme.md": text})
    assert read_front_matter(tmp_path / "readme.md") is None
    with pytest.raises(FormatError, match="says nothing of weights in front"):
        read_source(tmp_path / "readme.md")


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        ("caffemodel: ../up", 2, "'../up' is no name of a file beside this"),
        ("caffemodel: /etc/passwd", 2, "is no name of a file"),
        ("caffemodel: a\\b", 2, "is no name of a file"),
        ("caffemodel: ..", 2, "is no name of a file"),
        ("caffemodel: [x]", 2, "caffemodel: a list of 1 is no text"),
        ("caffemodel: x\nsha1: 12", 3, "sha1: '12' is no checksum of 40 digits"),
        ("caffemodel: x\nlicense: {a: b}", 3, "license: a mapping of 1 is no text"),
        ("caffemodel: x\nlicense: [", 3, "this is not YAML"),
    ],
)
def test_what_cannot_be_is_told_with_its_line(
    tmp_path: Path, lines: str, line: int, words: str
) -> None:
    write(tmp_path, {"readme.md": f"---\n{lines}\n---\n"})
    with pytest.raises(FormatError) as caught:
        read_front_matter(tmp_path / "readme.md")
    assert words in str(caught.value)
    assert caught.value.line == line
    assert f"line {line}: " in reasons(read_source(tmp_path))["readme.md"]


def test_nothing_is_fetched_unasked(models: Path, web: Web) -> None:
    batch = read_source(models)
    assert not batch.entries
    assert not web.ranges
    assert reasons(batch)["net.caffemodel"] == (
        f"is not there yet; `netsurgery zoo run` downloads it from {web.url}"
    )


@pytest.mark.parametrize("source", [".", "a", "a/readme.md"])
def test_weights_are_fetched_and_find_their_net(
    models: Path, web: Web, data: bytes, source: str
) -> None:
    (entry,) = read_source(models / source, download=True).entries
    assert entry.prototxt == models / "a" / "deploy.prototxt"
    assert entry.weights.read_bytes() == data
    assert (entry.license, entry.source) == ("unrestricted", web.url)
    assert len(read_source(models / source, download=True).entries) == 1
    assert len(web.ranges) == 1


def test_a_wrong_file_is_no_model(models: Path, web: Web) -> None:
    web.answer = lambda asked: asked.give(200, b"<html>")
    batch = read_source(models, download=True)
    assert not batch.entries
    assert "what came has the sha1" in reasons(batch)["net.caffemodel"]
    assert not (models / "a" / "net.caffemodel").exists()


def test_weights_that_are_there_are_held_to_the_checksum(models: Path, web: Web) -> None:
    write(models, {"a/net.caffemodel": weights(seed=1)})
    assert len(read_source(models).entries) == 1
    batch = read_source(models, download=True)
    assert not batch.entries
    assert not web.ranges
    told = reasons(batch)["net.caffemodel"]
    assert told.startswith("has the sha1 ")
    assert told.endswith(" by readme.md; take it away to have it downloaded")


def test_one_that_cannot_be_had_costs_itself_alone(models: Path, web: Web) -> None:
    files = {"b/deploy.prototxt": net(9), "b/readme.md": readme("file:///etc/passwd")}
    write(models, {**files, "c/deploy.prototxt": net(7), "c/net.caffemodel": weights(7)})
    batch = read_source(models, download=True)
    assert [entry.name for entry in batch.entries] == ["a/net", "c/net"]
    assert "no address in the web" in reasons(batch)["net.caffemodel"]


def test_a_readme_without_an_address_says_where_to_look(tmp_path: Path) -> None:
    text = "---\ncaffemodel: net.caffemodel\ngist_id: 0123 # old\n---\n"
    write(tmp_path, {"deploy.prototxt": net(), "readme.md": text})
    assert reasons(read_source(tmp_path, download=True))["net.caffemodel"] == (
        "is not there, and readme.md says no caffemodel_url; see https://gist.github.com/0123"
    )
