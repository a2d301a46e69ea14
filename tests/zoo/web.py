"""A server on this machine that behaves as badly as it is told to."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Callable, List, Optional

Answer = Callable[["Asked"], None]


class Asked(BaseHTTPRequestHandler):
    """A request; `answer` of the server says what becomes of it."""

    server: Web

    def do_GET(self) -> None:
        self.server.ranges.append(self.headers.get("Range"))
        self.server.answer(self)

    def log_message(self, *given: object) -> None:
        """Say nothing."""

    @property
    def offset(self) -> int:
        """The first byte that is asked for."""
        return int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))

    def give(
        self, status: int, body: bytes = b"", length: Optional[int] = None, **headers: str
    ) -> None:
        """Send an answer, of a length that may be a lie; then the connection ends."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if length != -1:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


class Web(ThreadingHTTPServer):
    """The server.

    Attributes:
        answer: What it does.
        ranges: The range that each request asked for.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.answer: Answer = lambda asked: asked.give(404)
        self.ranges: List[Optional[str]] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/net.caffemodel"
