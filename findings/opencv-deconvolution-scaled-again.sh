#!/usr/bin/env bash
# OpenCV joins a Scale or BatchNorm into the layer before it. For a Deconvolution it then takes the bias that this made,
# not the stored one, and scales and shifts it again whenever the input changes its size or the batch its number: the
# same image gives another answer after every change, without a word, and without end where the scale is above 1.
# Segmentation nets, whose images differ in size, have such pairs. Convolutions start from the stored bias each time;
# enableFusion(False) keeps Deconvolution right too.
# One would guess that what a net answers depends on its input and not on what it was asked before.
# Seen with opencv-python-headless 4.14.0.94: one image of ones, run alone and in a batch of 2 in turn. Scale is times 2
# plus 1, so 3 is right; BatchNorm has mean 1 and deviation 2, so 0 is:
#   Deconvolution Scale                   3 5 9 17 33
#   Deconvolution Scale, without fusion   3 3 3 3 3
#   Deconvolution BatchNorm               0 -0.25 -0.375 -0.4375 -0.46875
#   Convolution Scale                     3 3 3 3 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q opencv-python-headless==4.14.0.94 numpy==2.2.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import sys
import cv2, numpy as np

def message(number, payload):  # a length-delimited protobuf field
    size, length = len(payload), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    key = number << 3 | 2
    return (bytes([key]) if key < 128 else bytes([key & 127 | 128, key >> 7])) + length + bytes([size]) + payload

def blob(value, *shape):
    return message(7, message(7, message(1, bytes(shape))) + message(5, np.full(shape, value, "<f4").tobytes()))

def load(first, second):
    text = 'input: "x" input_shape { dim: 1 dim: 1 dim: 4 dim: 4 } '
    stored = b""
    blobs = {"Scale": [blob(2, 1), blob(1, 1)], "BatchNorm": [blob(1, 1), blob(4, 1), blob(1, 1)]}
    for kind, bottom, top, field, arrays in (
        (first, "x", "a", "convolution_param { num_output: 1 kernel_size: 1 }", [blob(1, 1, 1, 1, 1), blob(0, 1)]),
        (second, "a", "b", "scale_param { bias_term: true }" * (second == "Scale"), blobs[second]),
    ):
        text += 'layer { name: "%s" type: "%s" bottom: "%s" top: "%s" %s } ' % (top, kind, bottom, top, field)
        stored += message(100, message(1, top.encode()) + message(2, kind.encode()) + b"".join(arrays))
    return cv2.dnn.readNetFromCaffe(*(np.frombuffer(b, np.uint8) for b in (text.encode(), stored)))

def run(net):
    image, made = np.ones((1, 1, 4, 4), np.float32), []
    for number in (1, 2, 1, 2, 1):
        net.setInput(np.repeat(image, number, axis=0))
        made.append(round(float(net.forward()[0].mean()), 5) + 0.0)
    return made

print("opencv", cv2.__version__)
same = True
for first, second, fuse, wanted in (
    ("Deconvolution", "Scale", True, [3, 5, 9, 17, 33]),
    ("Deconvolution", "Scale", False, [3] * 5),
    ("Deconvolution", "BatchNorm", True, [0, -0.25, -0.375, -0.4375, -0.46875]),
    ("Convolution", "Scale", True, [3] * 5),
):
    net = load(first, second)
    net.enableFusion(fuse)
    made = run(net)
    print("%-37s %s" % (first + " " + second + ", without fusion" * (not fuse), " ".join("%g" % value for value in made)))
    same &= np.allclose(made, wanted, atol=1e-4)
sys.exit(0 if same else "this is no longer so")
PYTHON
