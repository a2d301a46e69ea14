"""What is wrong with a text that is no prototxt, in words that help to mend it."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from netsurgery.formats.prototxt.tokens import IDENTIFIER, STRING, match_string_body, skip_trivia


class PrototxtSyntaxError(Exception):
    """A text stops being prototxt at a byte offset.

    Attributes:
        offset: Where.
        problem: What is wrong.
        remedy: What to do.
    """

    def __init__(self, offset: int, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.offset = offset
        self.problem = problem
        self.remedy = remedy


# Patterns are compiled when something is wrong.
# What may stand where a field or a value should: the first pattern that matches is told.
_CULPRITS: Tuple[Tuple[bytes, str, str], ...] = (
    (rb"//|/\*", "`//` and `/*` start no comment in prototxt", "use `#`"),
    (rb"\$\{?\w*\}?|\{\{|\{%|@\w+@", "a placeholder of a template is not filled in", "fill it in"),
    (rb"<<<<<<<|=======|>>>>>>>", "a merge conflict is left in the file", "resolve it"),
    (rb"\xef\xbb\xbf", "a byte order mark stands inside the file", "remove it: files were joined"),
    (rb"\xef\xbc\x9a", "a full-width colon stands for a colon", "use an ASCII `:`"),
    (rb"\xe2\x80[\x98-\x9f]", "a typographic quote stands for a quote", 'use an ASCII `"`'),
    (rb"\xc2\xa0|\xe3\x80\x80", "a non-ASCII space stands between words", "use an ASCII space"),
    (rb"[\x80-\xff]", "a non-ASCII character stands outside a string", "quote or remove it"),
    (rb"[\0-\x08\x0e-\x1f\x7f]", "a control character stands in the text", "remove it"),
    (rb"[,;]", "a second or a misplaced separator", "remove it"),
    (rb"\+", "a number must not start with `+`", "remove the `+`"),
    (rb"-?(?:0[xX]\w*|[0-9.][\w.]*)", "a malformed or misplaced number", "separate or correct it"),
)
_WORD = rb"(?s)[^\s{}<>\[\]:;,\"']{1,40}|."


def _shown(data: bytes, position: int) -> str:
    found = re.compile(_WORD).match(data, position)
    return ascii(found.group().decode("latin-1"))[1:-1] if found else "the end of the file"


def _culprit(data: bytes, position: int) -> Optional[PrototxtSyntaxError]:
    comment = re.compile(rb"#[^\n\0]*\0").match(data, position)
    if comment:
        return PrototxtSyntaxError(comment.end() - 1, "a NUL byte stands in the text", "remove it")
    for pattern, problem, remedy in _CULPRITS:
        found = re.compile(pattern).match(data, position)
        if found:
            shown = ascii(found.group().decode("utf-8", "replace"))[1:-1]
            return PrototxtSyntaxError(position, f"{problem} (`{shown}`)", remedy)
    return None


def _broken_string(data: bytes, position: int) -> Optional[PrototxtSyntaxError]:
    mark = data[position : position + 1]
    if mark not in match_string_body or re.compile(STRING).match(data, position):
        return None
    end = match_string_body[mark](data, position + 1).end()  # type: ignore[union-attr]
    if data[end : end + 1] == b"\\" and data[end + 1 : end + 2] not in (b"", b"\n", b"\0"):
        shown = ascii(data[end : end + 2].decode("latin-1"))[1:-1].replace("\\\\", "\\")
        return PrototxtSyntaxError(
            end, f"`{shown}` is no escape in a string", "write `\\\\` or `/`"
        )
    return PrototxtSyntaxError(position, "this string does not end on its line", "close the quote")


def diagnose_field(data: bytes, position: int, after_field: bool) -> PrototxtSyntaxError:
    """Say why no field starts at ``position``, which is behind white space."""
    name = re.compile(IDENTIFIER).match(data, position)
    if name is None:
        return (
            _culprit(data, position)
            or _broken_string(data, position)
            or PrototxtSyntaxError(
                position,
                f"expected the name of a field, found `{_shown(data, position)}`",
                "correct the text here" if after_field else "is this a prototxt?",
            )
        )
    shown = name.group().decode()
    after = skip_trivia(data, name.end())
    if data[after : after + 1] != b":":
        return _missing_value(data, after, shown)
    return diagnose_item(data, after + 1, shown)


def _missing_value(data: bytes, position: int, name: str) -> PrototxtSyntaxError:
    if re.compile(STRING).match(data, position) or re.match(
        rb"[-\w.]", data[position : position + 1]
    ):
        return PrototxtSyntaxError(position, f"a `:` is missing after `{name}`", "add it")
    return (
        _culprit(data, position)
        or _broken_string(data, position)
        or PrototxtSyntaxError(
            position,
            f"`{name}` is followed by `{_shown(data, position)}`, not by a value",
            "write `name: value` or `name { ... }`",
        )
    )


def diagnose_item(
    data: bytes, position: int, name: str = "", wants_comma: bool = False
) -> PrototxtSyntaxError:
    """Say why no value, or no ``,`` of a list, stands at ``position``."""
    position = skip_trivia(data, position)
    if wants_comma:
        problem = f"expected `,` or `]` in a list, found `{_shown(data, position)}`"
        return PrototxtSyntaxError(
            position, problem, "separate the items by `,` and close with `]`"
        )
    wanted = f"a value for `{name}`" if name else "a value"
    return (
        _culprit(data, position)
        or _broken_string(data, position)
        or PrototxtSyntaxError(
            position, f"expected {wanted}, found `{_shown(data, position)}`", "add the value"
        )
    )
