from __future__ import annotations

import json

from netsurgery.report.channels import numbers

TREE = """\
fc6: 32 channels
├── made by
│   └── fc6 (InnerProduct): blob 0 (weights) axis 0, blob 1 (bias) axis 0
├── passed on by
│   └── relu6 (ReLU)
└── read by
    └── fc7 (InnerProduct): blob 0 (weights) axis 1
"""


def test_a_group_is_drawn_as_a_tree(netsurgery, pair) -> None:
    done = netsurgery("channels", pair[0], "fc6")
    assert (done.status, done.out) == (0, TREE)
    assert netsurgery("channels", pair[0], "relu6").out == TREE
    assert netsurgery("channels", pair[0], "fc6", "--weights", pair[1]).out == TREE


def test_what_blocks_a_group_is_said(netsurgery, pair) -> None:
    out = netsurgery("channels", pair[0]).out
    assert [line.split(":")[0] for line in out.splitlines() if "channels" in line] == [
        "data",
        "fc6",
        "fc7",
    ]
    assert "data: 3 channels, all must stay" in out
    assert "data (from outside)" in out
    assert "blob 0 (weights) axis 1, 16 a channel" in out
    assert "    └── fc7 is an output of the network" in out


def test_json_has_every_index(netsurgery, pair) -> None:
    (group,) = json.loads(netsurgery("channels", pair[0], "fc6", "--json").out)
    assert (group["name"], group["channels"], group["blocked"]) == ("fc6", 32, None)
    cuts = {(cut["layer"], cut["blob"], cut["axis"]): cut for cut in group["cuts"]}
    assert cuts["fc7", 0, 1]["channels"] == list(range(32))
    assert cuts["fc7", 0, 1]["role"] == "reads"


def test_a_layer_that_is_not_there_is_named(netsurgery, pair) -> None:
    done = netsurgery("channels", pair[0], "fc8")
    assert done.status == 2
    assert done.err.startswith("netsurgery: layer 'fc8': ")
    assert "data, fc6, fc7" in done.err


def test_numbers_are_written_in_short() -> None:
    assert numbers([0, 1, 2, 3, 8, 9, 11]) == "0-3, 8, 9, 11"
    assert numbers(list(range(0, 40, 2))).endswith(", 14, ...")
