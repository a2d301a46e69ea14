"""Downloads from a server that cuts, lies, sends on, and serves another file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Iterator

import pytest
from hypothesis import given, strategies as st
from web import Asked, Web

from netsurgery.errors import FormatError
from netsurgery.zoo.download import DownloadLimits, download, require_web

DATA = bytes(range(256)) * 40
SHA1 = hashlib.sha1(DATA).hexdigest()
QUICK = DownloadLimits(pause=0.0, silence=2.0)


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.shutdown()
    server.server_close()


def fetch(web: Web, folder: Path, limits: DownloadLimits = QUICK, sha1: str = SHA1) -> bytes:
    return download(web.url, folder / "in" / "net.caffemodel", sha1, limits).read_bytes()


def refused(web: Web, folder: Path, limits: DownloadLimits = QUICK) -> str:
    """The words of a download that fails, and leaves nothing."""
    with pytest.raises(FormatError) as caught:
        fetch(web, folder, limits)
    assert not list((folder / "in").iterdir())
    text = str(caught.value)
    assert text.startswith(f"{folder}/in/net.caffemodel: cannot be downloaded from {web.url}: ")
    assert "\n" not in text
    return text


def from_offset(asked: Asked, most: int = len(DATA)) -> None:
    """Answer a range as a good server does, and end after so many bytes."""
    start = asked.offset
    body = DATA[start:]
    if start:
        place = f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"
        asked.give(206, body[:most], len(body), Content_Range=place, ETag='"1"')
    else:
        asked.give(200, body[:most], len(body), ETag='"1"')


def test_a_file_comes_whole(web: Web, tmp_path: Path) -> None:
    web.answer = from_offset
    assert fetch(web, tmp_path) == DATA
    assert fetch(web, tmp_path, sha1=SHA1.upper()) == DATA
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["net.caffemodel"]


def test_a_cut_connection_is_taken_up_where_it_ended(web: Web, tmp_path: Path) -> None:
    web.answer = lambda asked: from_offset(asked, 3000)
    assert fetch(web, tmp_path) == DATA
    assert web.ranges == [None, "bytes=3000-", "bytes=6000-", "bytes=9000-"]


@given(cuts=st.lists(st.integers(0, 4000), max_size=6))
def test_wherever_it_is_cut_it_is_the_same_file(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    server, left = Web(), list(cuts)
    server.answer = lambda asked: from_offset(asked, left.pop(0) if left else len(DATA))
    try:
        limits = DownloadLimits(pause=0.0, tries=9)
        target = tmp_path_factory.mktemp("cut") / "x"
        assert download(server.url, target, SHA1, limits).read_bytes() == DATA
    finally:
        server.shutdown()
        server.server_close()


def test_a_server_that_knows_no_ranges_begins_again(web: Web, tmp_path: Path) -> None:
    cuts = [2000, 5000, len(DATA)]
    web.answer = lambda asked: asked.give(200, DATA[: cuts.pop(0)], len(DATA))
    assert fetch(web, tmp_path) == DATA


def test_a_file_that_was_changed_meanwhile_is_not_mixed(web: Web, tmp_path: Path) -> None:
    old = b"\0" * len(DATA)

    def answer(asked: Asked) -> None:
        if len(web.ranges) == 1:
            asked.give(200, old[:100], len(old), ETag='"0"')
        elif asked.headers.get("If-Range") == '"1"':
            from_offset(asked)
        else:
            asked.give(200, DATA, ETag='"1"')

    web.answer = answer
    assert fetch(web, tmp_path) == DATA


def test_what_was_put_together_of_two_files_is_fetched_anew(web: Web, tmp_path: Path) -> None:
    """A server without tags goes on in another file."""
    web.answer = lambda asked: (
        asked.give(200, b"\0" * 100, len(DATA)) if len(web.ranges) == 1 else from_offset(asked)
    )
    assert fetch(web, tmp_path) == DATA
    assert web.ranges == [None, "bytes=100-", None]


def test_a_server_that_goes_on_elsewhere_is_not_believed(web: Web, tmp_path: Path) -> None:
    def answer(asked: Asked) -> None:
        if asked.offset:
            place = f"bytes 7-{len(DATA) - 1}/{len(DATA)}"
            asked.give(206, DATA[7:], Content_Range=place)
        else:
            asked.give(200, DATA[:50], len(DATA))

    web.answer = answer
    assert "goes on elsewhere in the file, after 50 of 10,240 bytes" in refused(web, tmp_path)


@pytest.mark.parametrize("length", [len(DATA) - 1, len(DATA) // 2, 0])
def test_a_length_that_is_too_small(web: Web, tmp_path: Path, length: int) -> None:
    web.answer = lambda asked: asked.give(200, DATA, length)
    assert "what came has the sha1" in refused(web, tmp_path)


def test_a_length_that_is_too_large(web: Web, tmp_path: Path) -> None:
    web.answer = lambda asked: (
        asked.give(416) if asked.offset else asked.give(200, DATA, len(DATA) + 1)
    )
    assert "the server has fewer bytes than it said" in refused(web, tmp_path)


def test_no_length_at_all(web: Web, tmp_path: Path) -> None:
    web.answer = lambda asked: asked.give(200, DATA, -1)
    assert fetch(web, tmp_path) == DATA


def test_another_file_is_refused_and_says_what_it_is(web: Web, tmp_path: Path) -> None:
    web.answer = lambda asked: asked.give(200, b"<!DOCTYPE html><html>gone</html>")
    told = refused(web, tmp_path)
    assert f"and should have {SHA1} and it is an HTML page, so a failed download; the file" in told
    assert len(web.ranges) == 1


def test_what_is_there_is_not_lost_where_a_download_fails(web: Web, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "net.caffemodel").write_text("mine")
    with pytest.raises(FormatError):
        fetch(web, tmp_path)
    assert (tmp_path / "in" / "net.caffemodel").read_text() == "mine"


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_server_that_says_no_is_not_asked_again(web: Web, tmp_path: Path, status: int) -> None:
    web.answer = lambda asked: asked.give(status)
    assert f"the server says {status} " in refused(web, tmp_path)
    assert len(web.ranges) == 1


def test_a_server_in_trouble_is_asked_again(web: Web, tmp_path: Path) -> None:
    web.answer = lambda asked: asked.give(503) if len(web.ranges) < 3 else from_offset(asked)
    assert fetch(web, tmp_path) == DATA
    web.answer = lambda asked: asked.give(500)
    (tmp_path / "in" / "net.caffemodel").unlink()
    assert "after 0 bytes and 4 tries; try again later" in refused(web, tmp_path)


def test_redirects_are_followed_and_not_for_ever(web: Web, tmp_path: Path) -> None:
    web.answer = lambda asked: (
        from_offset(asked) if asked.path == "/new" else asked.give(302, Location="/new")
    )
    assert fetch(web, tmp_path) == DATA
    (tmp_path / "in" / "net.caffemodel").unlink()
    web.answer = lambda asked: asked.give(301, Location="/round")
    web.ranges.clear()
    assert "the server sent on more than 5 times" in refused(web, tmp_path)
    assert len(web.ranges) == 6


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://here/x", "gopher://x"])
def test_a_redirect_out_of_the_web_is_refused(web: Web, tmp_path: Path, place: str) -> None:
    web.answer = lambda asked: asked.give(302, Location=place)
    with pytest.raises(FormatError, match="no address in the web"):
        fetch(web, tmp_path)
    assert not list((tmp_path / "in").iterdir())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "x", "", "http://[", "ftp://a/b"])
def test_only_the_web_is_asked(tmp_path: Path, url: str) -> None:
    with pytest.raises(FormatError, match="give one that begins with https://"):
        download(url, tmp_path / "x")


def test_a_file_that_is_too_large_is_not_fetched(web: Web, tmp_path: Path) -> None:
    small = DownloadLimits(size=1000, pause=0.0)
    web.answer = from_offset
    assert "is too large: 10,240 bytes" in refused(web, tmp_path, small)
    web.answer = lambda asked: asked.give(200, DATA, -1)
    assert "is too large: more than 1,000 bytes" in refused(web, tmp_path, small)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    gone = Web()
    gone.shutdown()
    gone.server_close()
    assert "4 tries; try again later, or put the file there yourself" in refused(gone, tmp_path)


def test_a_redirect_to_what_anybody_can_change_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="which anybody on the way can change"):
        require_web("http://a/b", tmp_path / "x", "https://a/b")
    require_web("https://a/b", tmp_path / "x", "http://a/b")
