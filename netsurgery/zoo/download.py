"""Files from the web: whole and the right ones, or not there at all."""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Optional

from netsurgery.errors import FormatError
from netsurgery.formats import make_folder, sniff, write_together
from netsurgery.version import __version__

_BLOCK = 1 << 18
_CUT = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class DownloadLimits:
    """What a download may take.

    Attributes:
        size: Bytes of the file.
        redirects: How often a server may send on to another place.
        tries: How often in a row a connection may be cut without a byte more.
        silence: Seconds that a server may say nothing.
        pause: Seconds before the second try; twice as long before each further one.
    """

    size: int = 4 << 30
    redirects: int = 5
    tries: int = 4
    silence: float = 30.0
    pause: float = 1.0


DEFAULT_LIMITS = DownloadLimits()


def download(
    url: str, target: Path, sha1: Optional[str] = None, limits: DownloadLimits = DEFAULT_LIMITS
) -> Path:
    """Fetch a file.

    A connection that is cut is taken up again where it ended, if the server can, else from the
    beginning. Under its name the file is there when it is whole and has the checksum, and not
    before; where it fails nothing is left.

    Args:
        url: Where it is, by http or https.
        target: Where to.
        sha1: What it must have, as 40 hexadecimal digits.
        limits: What it may take.

    Raises:
        FormatError: It cannot be had, or is another file; names the target, and tells the URL.
    """
    require_web(url, target)
    make_folder(target.parent)
    write_together({target: lambda stream: _Fetch(url, target, sha1, limits).into(stream)})
    return target


class _Fetch:
    """One download under way: what there is of it, and where it is now."""

    def __init__(self, url: str, target: Path, sha1: Optional[str], limits: DownloadLimits) -> None:
        self.url, self.target, self.sha1, self.limits = url, target, sha1, limits
        self.total: Optional[int] = None
        self.tag: Optional[str] = None

    def into(self, stream: BinaryIO) -> None:
        resumed = self._fill(stream)
        found = self._digest(stream)
        if resumed and found is not None:
            # What was put together of two answers may be of two files.
            stream.seek(0)
            stream.truncate()
            self._fill(stream)
            found = self._digest(stream)
        if found is not None:
            stream.seek(0)
            kind = sniff.identify(stream.read(sniff.HEAD))
            what = f" and it is {kind.phrase}" if kind and kind is not sniff.CAFFEMODEL else ""
            raise self._error(
                f"what came has the sha1 {found}, and should have {self.sha1}{what}",
                "the file is another one now: see where it is to be had",
            )

    def _fill(self, stream: BinaryIO) -> bool:
        """Write the file, whole; returns whether it is of more than one answer."""
        failures, resumed = 0, False
        while True:
            before = stream.tell()
            try:
                resumed = self._answer(stream) or resumed
                if self.total is None or stream.tell() == self.total:
                    return resumed
                problem: object = "the connection was cut"
            except _CUT as error:
                self._give_up_where_told(error)
                problem = getattr(error, "reason", None) or error or type(error).__name__
            failures = 0 if stream.tell() > before else failures + 1
            if failures >= self.limits.tries:
                of = "" if self.total is None else f" of {self.total:,}"
                raise self._error(
                    f"{problem}, after {stream.tell():,}{of} bytes and {failures} tries",
                    "try again later, or put the file there yourself",
                )
            time.sleep(self.limits.pause * 2**failures / 2)

    def _answer(self, stream: BinaryIO) -> bool:
        """Write what a server answers; returns whether it went on behind what was there."""
        offset = stream.tell()
        response = self._open(offset)
        with response:
            goes_on = self._begin(response, stream, offset)
            while True:
                block = response.read(_BLOCK)
                if not block:
                    return goes_on
                stream.write(block)
                if stream.tell() > self.limits.size:
                    raise self._too_large(f"more than {self.limits.size:,}")

    def _begin(self, response: http.client.HTTPResponse, stream: BinaryIO, offset: int) -> bool:
        """Learn how large the file is, and go to the place in it that the answer begins with."""
        length = response.headers.get("Content-Length", "")
        size = int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None
        goes_on = False
        if response.status == http.client.PARTIAL_CONTENT and offset:
            place = re.fullmatch(
                r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)", response.headers.get("Content-Range", "")
            )
            goes_on = place is not None and int(place[1]) == offset
            if not goes_on:
                raise http.client.HTTPException("the server goes on elsewhere in the file")
            size = None if size is None else offset + size
        if not goes_on:
            stream.seek(0)
            stream.truncate()
            self.total, self.tag = None, response.headers.get("ETag")
        if self.total is None:
            self.total = size
        if self.total is not None and self.total > self.limits.size:
            raise self._too_large(f"{self.total:,}")
        return goes_on

    def _open(self, offset: int) -> http.client.HTTPResponse:
        headers = {"User-Agent": f"netsurgery/{__version__}", "Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if self.tag and not self.tag.startswith("W/"):
                headers["If-Range"] = self.tag
        url = self.url
        for _ in range(self.limits.redirects + 1):
            request = urllib.request.Request(url, headers=headers)
            try:
                return _OPENER.open(request, timeout=self.limits.silence)
            except urllib.error.HTTPError as error:
                with error:
                    place = error.headers.get("Location")
                    if error.code not in (301, 302, 303, 307, 308) or not place:
                        raise
                following = urllib.parse.urljoin(url, place)
                require_web(following, self.target, url)
                url = following
        raise self._error(f"the server sent on more than {self.limits.redirects} times")

    def _give_up_where_told(self, error: BaseException) -> None:
        """See that it is worth another try: a server that says no says so again."""
        if not isinstance(error, urllib.error.HTTPError):
            return
        if error.code >= 500 or error.code in (408, 425, 429):
            return
        if error.code == 416:  # nothing is there behind what came: the length was a lie
            raise self._error("the server has fewer bytes than it said") from None
        raise self._error(f"the server says {error.code} {error.reason}") from None

    def _digest(self, stream: BinaryIO) -> Optional[str]:
        """Return the sha1 of what came, or None where it is what it should be."""
        if self.sha1 is None:
            return None
        stream.flush()
        stream.seek(0)
        found = _sha1_of(stream)
        return None if found == self.sha1.lower() else found

    def _too_large(self, size: str) -> FormatError:
        return self._error(f"is too large: {size} bytes")

    def _error(self, problem: str, remedy: Optional[str] = None) -> FormatError:
        return FormatError(
            f"cannot be downloaded from {self.url}: {problem}", file=self.target, remedy=remedy
        )


def require_web(url: str, target: Path, before: str = "") -> None:
    """See that a file may be fetched from a place.

    Args:
        url: The place.
        target: What it is fetched for.
        before: The place that sent on to this one, if one did.

    Raises:
        FormatError: It is not in the web, or less safe than where it was sent on from.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        known = False
    if not known:
        raise FormatError(
            f"cannot be downloaded from {url!r}: that is no address in the web",
            file=target,
            remedy="give one that begins with https:// or http://",
        )
    if before.startswith("https:") and parts.scheme == "http":
        raise FormatError(
            f"cannot be downloaded from {before}: it sends on to {url}, which anybody on the way "
            "can change",
            file=target,
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves it to the caller to follow: not everywhere, and not for ever."""

    def redirect_request(self, *given: object, **more: object) -> None:
        """Follow nothing."""


_OPENER = urllib.request.build_opener(_NoRedirects)


def sha1_of(path: Path) -> str:
    """Return the sha1 of a file as hexadecimal digits."""
    with open(path, "rb") as stream:
        return _sha1_of(stream)


def _sha1_of(stream: BinaryIO) -> str:
    import hashlib

    digest = hashlib.sha1(usedforsecurity=False)
    for block in iter(lambda: stream.read(_BLOCK), b""):
        digest.update(block)
    return digest.hexdigest()
