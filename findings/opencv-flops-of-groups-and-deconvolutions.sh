#!/usr/bin/env bash
# OpenCV's Net.getFLOPS counts a Convolution with groups as if it had none, and a Deconvolution by its inputs twice
# (inputs x inputs x kernel) whatever its outputs and groups. Who judges by it is told that a depthwise pair costs more
# than the layer which it stands for, and that a Deconvolution thinned to a quarter of its outputs costs what it did.
# One would guess that it counts two for each multiply-add, as it does for a Convolution without groups.
# Seen with opencv-python-headless 4.14.0.94, an input of 8x8, multiply-adds counted by hand (and one an output value
# more in Convolutions, as OpenCV does):
#   Convolution 64 -> 64, 3x3                     getFLOPS  4722688  by hand  4722688
#   the same in 4 groups                          getFLOPS  4722688  by hand  1183744
#   the same in 64 groups, then 1x1               getFLOPS  5251072  by hand   606208
#   Deconvolution 64 -> 64, 4x4, stride 2         getFLOPS  8388608  by hand  8388608
#   Deconvolution 64 -> 16                        getFLOPS  8388608  by hand  2097152
#   Deconvolution 16 -> 64                        getFLOPS   524288  by hand  2097152
#   Deconvolution 64 -> 64 in 64 groups           getFLOPS  8388608  by hand   131072
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q opencv-python-headless==4.14.0.94 numpy==2.2.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import sys
import cv2, numpy as np

SIDE = 8

def field(number, payload):  # a length-delimited protobuf field
    out = b""
    for value in (number << 3 | 2, len(payload)):
        while value > 127:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        out += bytes([value])
    return out + payload

def count(layers):
    """What OpenCV says of a chain, and two for each multiply-add; layers: (kind, inputs, outputs, kernel, group, more)."""
    text = 'input: "data" input_shape { dim: 1 dim: %d dim: %d dim: %d }' % (layers[0][1], SIDE, SIDE)
    weights, bottom, by_hand = b"", "data", 0
    for number, (kind, inputs, outputs, kernel, group, more) in enumerate(layers):
        name = "c%d" % number
        text += ' layer { name: "%s" type: "%s" bottom: "%s" top: "%s" convolution_param {' % (name, kind, bottom, name)
        text += " num_output: %d kernel_size: %d group: %d bias_term: false %s } }" % (outputs, kernel, group, more)
        forward = kind == "Convolution"
        shape = (outputs, inputs // group) if forward else (inputs, outputs // group)
        values = np.ones((*shape, kernel, kernel), "<f4")
        blob = field(7, field(1, bytes(values.shape))) + field(5, values.tobytes())
        weights += field(100, field(1, name.encode()) + field(2, kind.encode()) + field(7, blob))
        by_hand += SIDE**2 * (2 * values.size + (outputs if forward else 0))
        bottom = name
    net = cv2.dnn.readNetFromCaffe(*(np.frombuffer(part, np.uint8) for part in (text.encode(), weights)))
    return net.getFLOPS((1, layers[0][1], SIDE, SIDE)), by_hand

C, D, TWICE = "Convolution", "Deconvolution", "stride: 2 pad: 1"
rows = [
    ("Convolution 64 -> 64, 3x3", [(C, 64, 64, 3, 1, "pad: 1")], (4722688, 4722688)),
    ("the same in 4 groups", [(C, 64, 64, 3, 4, "pad: 1")], (4722688, 1183744)),
    ("the same in 64 groups, then 1x1", [(C, 64, 64, 3, 64, "pad: 1"), (C, 64, 64, 1, 1, "")], (5251072, 606208)),
    ("Deconvolution 64 -> 64, 4x4, stride 2", [(D, 64, 64, 4, 1, TWICE)], (8388608, 8388608)),
    ("Deconvolution 64 -> 16", [(D, 64, 16, 4, 1, TWICE)], (8388608, 2097152)),
    ("Deconvolution 16 -> 64", [(D, 16, 64, 4, 1, TWICE)], (524288, 2097152)),
    ("Deconvolution 64 -> 64 in 64 groups", [(D, 64, 64, 4, 64, TWICE)], (8388608, 131072)),
]
print("opencv", cv2.__version__)
same = True
for name, layers, wanted in rows:
    seen = count(layers)
    print("%-45s getFLOPS %8d  by hand %8d" % (name, *seen))
    same &= seen == wanted
sys.exit(0 if same else "this is no longer so")
PYTHON
