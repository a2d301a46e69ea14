"""What a file is, told from its first bytes: for errors that help.

People hand in half downloads, pointers of Git LFS, models of other frameworks, and the two
arguments the wrong way round. Protobuf calls all of it corrupt.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from netsurgery.errors import FormatError
from netsurgery.formats.caffemodel.wire import LENGTH, VARINT, fields, read_varint

HEAD = 4096
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class FileKind(NamedTuple):
    """A kind of file.

    Attributes:
        phrase: What it is, to stand behind "this is".
        remedy: What to do about it.
    """

    phrase: str
    remedy: str


_DOWNLOAD = "download it again, as the raw file"
_UNPACK = "unpack it first"
_CONVERT = "convert it to Caffe first"
_SWAP = "it may be the other argument"
_GIVE_WEIGHTS = "give the trained .caffemodel"

EMPTY = FileKind("an empty file", "download or copy it again")
HDF5 = FileKind("an HDF5 file", "give it as weights")
PROTOTXT = FileKind("a prototxt", _SWAP)
SOLVER = FileKind("a solver prototxt", "give the net it names")
CAFFEMODEL = FileKind("a binary .caffemodel", _SWAP)
BINARYPROTO = FileKind("a single blob, such as a mean image (.binaryproto)", _GIVE_WEIGHTS)
SOLVERSTATE = FileKind("a .solverstate, the solver's memory", f"{_GIVE_WEIGHTS} beside it")
_ONNX = FileKind("an ONNX model", _CONVERT)
_GRAPHDEF = FileKind("a TensorFlow frozen graph", _CONVERT)
_PICKLE = FileKind("a Python pickle, perhaps a PyTorch .pth", _CONVERT)
_UTF16 = FileKind("text in UTF-16", "save it as UTF-8")
_JSON = FileKind("JSON", _DOWNLOAD)
_XML = FileKind("XML", _DOWNLOAD)
TEXT = FileKind("a text file, and no prototxt", _DOWNLOAD)

# (offset, first bytes, kind)
_MAGIC = (
    (0, HDF5_SIGNATURE, HDF5),
    (
        0,
        b"version https://git-lfs",
        FileKind("a Git LFS pointer, not the file it points to", "run git lfs pull"),
    ),
    (0, b"\x1f\x8b", FileKind("a gzip file", _UNPACK)),
    (0, b"BZh", FileKind("a bzip2 file", _UNPACK)),
    (0, b"\xfd7zXZ\x00", FileKind("an xz file", _UNPACK)),
    (0, b"\x28\xb5\x2f\xfd", FileKind("a Zstandard file", _UNPACK)),
    (0, b"7z\xbc\xaf\x27\x1c", FileKind("a 7-Zip archive", _UNPACK)),
    (0, b"Rar!\x1a\x07", FileKind("a RAR archive", _UNPACK)),
    (257, b"ustar", FileKind("a tar archive", _UNPACK)),
    (0, b"PK\x03\x04", FileKind("a zip archive or a PyTorch .pth", f"{_UNPACK}, or {_CONVERT}")),
    (0, b"\x80\x02", _PICKLE),
    (0, b"\x80\x03", _PICKLE),
    (0, b"\x80\x04\x95", _PICKLE),
    (0, b"\x80\x05\x95", _PICKLE),
    (0, b"\xff\xfe", _UTF16),
    (0, b"\xfe\xff", _UTF16),
    (0, b"\x93NUMPY", FileKind("a NumPy .npy file", _GIVE_WEIGHTS)),
    (4, b"TFL3", FileKind("a TensorFlow Lite model", _CONVERT)),
    (
        16,
        b"\xde\xc0\xef\xbe",
        FileKind("an LMDB data base (data.mdb)", "give the model, not the data"),
    ),
    (0, b"\x89PNG\r\n\x1a\n", FileKind("a PNG image", "give the model")),
    (0, b"\xff\xd8\xff", FileKind("a JPEG image", "give the model")),
    (0, b"GIF8", FileKind("a GIF image", "give the model")),
    (0, b"%PDF-", FileKind("a PDF document", "give the model")),
    (0, b"\x7fELF", FileKind("an ELF program or library", "give the model")),
    (0, b"MZ\x90\x00", FileKind("a Windows program or library", "give the model")),
    (0, b"7767517", FileKind("an ncnn .param file", "give the Caffe model it was made from")),
)

_HTML = FileKind("an HTML page, so a failed download", _DOWNLOAD)
_FIELD = rb"(?:\A|\n)[ \t]*%s[ \t]*"
# Patterns are compiled when they are first tried.
_PROTOTXT = (
    _FIELD
    % rb"(?:(?:layers?|input_shape|state)[ \t]*:?[ \t\r\n]*\{|(?:name|input|input_dim)[ \t]*:)"
)
_SOLVER = _FIELD % rb"(?:net|train_net|base_lr|lr_policy|snapshot_prefix)[ \t]*:"
# (pattern, kind): tried in this order on a file that is text.
_TEXTS = (
    (rb"(?i)\A<(?:!doctype html|html|head|body)", _HTML),
    (rb"(?i)\A<(?:\?xml|!doctype|[a-z]+[ >/])", _XML),
    (rb"\A(?:\{[ \t\r\n]*[\"}]|\[[ \t\r\n]*[\[{\"\]])", _JSON),
    (_SOLVER, SOLVER),
    (_PROTOTXT, PROTOTXT),
)
_WHITE = b"\t\n\v\f\r"

# How the messages begin, in the words of `_beginning`.
_MESSAGES = (
    (r"(?:[1-4]V )*5L|7L 5L", BINARYPROTO),
    (r"1V (?:2L )?3L(?: 3L| 4V|$)", SOLVERSTATE),
    (r"1V (?:[2-478]L|5V)", _ONNX),
    (r"(?:1L )?(?:[38]L |4V |[5-7][VL] )*(?:2|100)L", CAFFEMODEL),
)
_GRAPHDEF_NODE = (
    rb"\n[^\n]{1,3}\n[^\0]{1,200}\x12.(?:Placeholder|Const|Variable|Identity|NoOp|Pad|Conv2D)"
)
_LETTERS = {VARINT: "V", LENGTH: "L"}
_LOOK = 8


def identify(data: bytes) -> Optional[FileKind]:
    """The kind of file that begins with `data` (`HEAD` bytes are enough), or None."""
    if not data:
        return EMPTY
    for offset, magic, kind in _MAGIC:
        if data.startswith(magic, offset):
            return kind
    return _identify_text(data) or _identify_message(data)


def describe(data: bytes) -> Optional[str]:
    """What the file that begins with `data` is and what to do, as one phrase, or None."""
    kind = identify(data)
    return f"{kind.phrase}; {kind.remedy}" if kind else None


def refusal(kind: FileKind, wanted: str) -> FormatError:
    """The error that says `kind` is not what was wanted, such as ``"a .caffemodel"``."""
    return FormatError(f"this is {kind.phrase}, not {wanted}", remedy=kind.remedy)


def _identify_text(data: bytes) -> Optional[FileKind]:
    text = data[:HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
    if any(byte < 32 and byte not in _WHITE for byte in text):
        return None
    for pattern, kind in _TEXTS:
        if re.search(pattern, text):
            return kind
    return TEXT if text else EMPTY


def _identify_message(data: bytes) -> Optional[FileKind]:
    """Tell protobuf messages apart by how they begin."""
    if re.match(_GRAPHDEF_NODE, data):
        return _GRAPHDEF
    begins = _beginning(data)
    for message, kind in _MESSAGES:
        if re.match(message, begins):
            return kind
    return None


def _beginning(data: bytes) -> str:
    """The first fields of a message as ``number wire-letter`` words, such as ``1L 100L``."""
    words: list[str] = []
    position = 0
    try:
        while position < len(data) and len(words) < _LOOK:
            tag, _ = read_varint(data, position, len(data))
            words.append(f"{tag >> 3}{_LETTERS.get(tag & 7, '?')}")
            position = next(fields(data, position, len(data))).stop
    except FormatError:
        pass  # The head ends inside a field, as it should.
    return " ".join(words)
