r"""The words of protobuf's text format, as C++ protobuf (and so Caffe) reads them.

Patterns are deterministic: no text can make them backtrack more than once over it. What
they accept was measured against real Caffe, which is stricter than protobuf for Python:
``+1``, ``"\m"`` and a hexadecimal float are errors.
"""

from __future__ import annotations

import re

BOM = b"\xef\xbb\xbf"
_BLANK = rb"[ \t\r\n\f\v]*"
TRIVIA = rb"(?:%s(?:\#[^\n\0]*(?:\n|\Z)%s)*)" % (_BLANK, _BLANK)
# One digit is enough where a string is only recognised: more would let a match backtrack.
_ESCAPE = rb"\\(?:[abfnrtv?'\"\\]|[0-7]|x[0-9A-Fa-f]|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})"
_IN_DOUBLE = rb"[^\"\\\n\0]*(?:%s[^\"\\\n\0]*)*" % _ESCAPE
_IN_SINGLE = rb"[^'\\\n\0]*(?:%s[^'\\\n\0]*)*" % _ESCAPE
STRING = rb"(?:\"%s\"|'%s')" % (_IN_DOUBLE, _IN_SINGLE)
IDENTIFIER = rb"[A-Za-z_][A-Za-z0-9_]*"
_DECIMAL = rb"(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[fF]?"
_NUMBER = rb"(?:0[xX][0-9A-Fa-f]+|0[0-7]+|%s)(?![A-Za-z0-9_.])" % _DECIMAL
_NOT_FINITE = rb"[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN]"
SCALAR = rb"(?:%s(?:%s%s)*|%s(?![.])|%s|-%s(?:%s|(?:%s)(?![A-Za-z0-9_.])))" % (
    STRING,
    TRIVIA,
    STRING,
    IDENTIFIER,
    _NUMBER,
    TRIVIA,
    _NUMBER,
    _NOT_FINITE,
)

_trivia = re.compile(TRIVIA)
_strings = re.compile(rb"%s|\#[^\n]*" % STRING)
_escapes = re.compile(rb"\\(?:[0-7]{1,3}|x[0-9A-Fa-f]{1,2}|u.{4}|U.{8}|.)")
match_string_body = {
    b'"': re.compile(_IN_DOUBLE).match,
    b"'": re.compile(_IN_SINGLE).match,
}
_minus = re.compile(rb"-%s" % TRIVIA)
_float = re.compile(rb"-?(?:%s|%s)" % (_DECIMAL, _NOT_FINITE))
_integer = re.compile(rb"-?(?:0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*)")
_SIMPLE = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"?": b"?",
    b"'": b"'",
    b'"': b'"',
    b"\\": b"\\",
}


def skip_trivia(data: bytes, offset: int) -> int:
    """Offset of the next word, behind white space and comments."""
    return _trivia.match(data, offset).end()  # type: ignore[union-attr]


def decode(data: bytes) -> str:
    """Turn bytes of any encoding into a str from which `encode` gets the same bytes."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Undo `decode`."""
    return text.encode("utf-8", "surrogateescape")


def _unescape(found: re.Match[bytes]) -> bytes:
    body = found.group()[1:]
    if body in _SIMPLE:
        return _SIMPLE[body]
    if body[:1] in b"uU":
        return chr(min(int(body[1:], 16), 0x10FFFF)).encode("utf-8", "surrogatepass")
    code = int(body[1:], 16) if body[:1] == b"x" else int(body, 8)
    return bytes([code & 255])


def is_string(lexeme: bytes) -> bool:
    """Whether a scalar is written as a string."""
    return lexeme[:1] in (b'"', b"'")


def unquote(lexeme: bytes) -> bytes:
    """Return the bytes that a string value stands for; pieces side by side are joined."""
    if b"\\" not in lexeme and lexeme.count(lexeme[:1]) == 2 and lexeme[-1:] == lexeme[:1]:
        return lexeme[1:-1]
    pieces = (found.group() for found in _strings.finditer(lexeme))
    return b"".join(_escapes.sub(_unescape, piece[1:-1]) for piece in pieces if piece[:1] != b"#")


def quote(text: str) -> bytes:
    """Write a str as a string value, so that `unquote` gives its bytes back."""
    raw = encode(text).replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    plain = re.sub(rb"[\0-\x1f\x7f]", lambda found: b"\\%03o" % found.group()[0], raw)
    return b'"%s"' % plain


def parse_integer(lexeme: bytes) -> int:
    """Read decimal, hexadecimal or octal.

    Raises:
        ValueError: It is not an integer.
    """
    digits = _minus.sub(b"-", lexeme)
    if not _integer.fullmatch(digits):
        raise ValueError("not an integer")
    unsigned = digits.lstrip(b"-")
    octal = len(unsigned) > 1 and unsigned.isdigit() and unsigned[:1] == b"0"
    value = int(unsigned, 8 if octal else 0)
    return -value if digits[:1] == b"-" else value


def parse_unsigned(lexeme: bytes) -> int:
    """Read an integer without a sign.

    Raises:
        ValueError: It is no such integer.
    """
    if lexeme[:1] == b"-":
        raise ValueError("a sign where none may be")
    return parse_integer(lexeme)


def parse_float(lexeme: bytes) -> float:
    """Read a decimal number, ``inf`` or ``nan``; a suffix ``f`` is allowed.

    Raises:
        ValueError: It is not a decimal number.
    """
    digits = _minus.sub(b"-", lexeme)
    if not _float.fullmatch(digits):
        raise ValueError("not a decimal number")
    finite = digits[-2:-1].isdigit() or digits[-2:-1] == b"."
    return float(digits[:-1] if finite and digits[-1:] in b"fF" else digits)


_BOOLEANS = {
    b"true": True,
    b"True": True,
    b"t": True,
    b"false": False,
    b"False": False,
    b"f": False,
}


def parse_boolean(lexeme: bytes) -> bool:
    """Read ``true``, ``True``, ``t``, ``1`` and their opposites.

    Raises:
        ValueError: It is anything else.
    """
    if lexeme in _BOOLEANS:
        return _BOOLEANS[lexeme]
    number = parse_unsigned(lexeme)
    if number > 1:
        raise ValueError("not a boolean")
    return bool(number)
