"""Caffe's last words, as its builds print them."""

from __future__ import annotations

import pytest

from netsurgery.engine.glog import explain

DIED = "was killed by signal 6 (SIGABRT: the engine gave up)"
FATAL = """\
WARNING: Logging before InitGoogleLogging() is written to STDERR
I20261120 19:06:45.029486  5687 layer_factory.hpp:77] Creating layer fc 8
F20261120 19:06:45.035084  5687 net.cpp:759] Check failed: 1 == 2
(1 vs. 2) second line.
*** Check failure stack trace: ***
    @     0x7f  google::LogMessage::Fail()
"""
OLD_FATAL = "F1120 19:06:45.035084  5687 net.cpp:759] Unknown bottom blob 'x' (layer 'relu 1', bot"
PARSING = """\
[libprotobuf ERROR google/protobuf/text_format.cc:274] Error parsing text-format \
caffe.NetParameter: 12:5: Message type "caffe.LayerParameter" has no field named "typ".
F1120 19:06:45.035084  5687 upgrade_proto.cpp:88] Check failed: ReadProtoFromTextFile(...)
"""
BUILT = FATAL.replace("F2026", "I20261120 0:0:0 1 net.cpp:257] Network initialization done.\nF2026")


@pytest.mark.parametrize(
    ("problem", "stderr", "expected"),
    [
        (
            DIED,
            FATAL,
            "net: layer 'fc 8': Caffe says: net.cpp:759: Check failed: 1 == 2 (1 vs. 2) second "
            "line",
        ),
        (DIED, BUILT, "net: Caffe says: net.cpp:759: Check failed: 1 == 2 (1 vs. 2) second line"),
        (
            DIED,
            OLD_FATAL,
            "net: layer 'relu 1': Caffe says: net.cpp:759: Unknown bottom blob 'x' "
            "(layer 'relu 1', bot",
        ),
        (
            DIED,
            PARSING,
            'net:12:5: Caffe says: Message type "caffe.LayerParameter" has no field named "typ"',
        ),
        (
            DIED,
            "terminate called after throwing an instance of 'std::bad_alloc'\n"
            "  what():  std::bad_alloc\n",
            f"net: Caffe says: {DIED}, std::bad_alloc; use a smaller batch, or a machine with more "
            "memory",
        ),
        (DIED, "", f"net: Caffe says: {DIED}"),
        ("ValueError: no", "noise", "net: Caffe says: ValueError: no"),
    ],
    ids=["fatal", "after building", "old glog", "parsing", "exception", "silent", "python"],
)
def test_last_words(problem: str, stderr: str, expected: str) -> None:
    assert str(explain(problem, stderr, "net")) == expected
