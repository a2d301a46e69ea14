#!/usr/bin/env bash
# Net.quantize of OpenCV makes an int8 net in which a ReLU is nothing but the range of the blob before it: what is
# negative does not fit, so it is cut off. Concat and Eltwise MAX give all their inputs the range of their output,
# whoever else reads these. So, without a word:
#  - a ReLU whose blob is concatenated with one that has negative numbers is gone;
#  - a blob that is read both before and after a ReLU (as shortcuts do) is cut off for both readers;
#  - max(x, -x), -x made by a convolution of x, is 0 where x is negative: x was cut off before it got there.
# One would guess errors of about one step of 255, as in the last two rows, where nobody else reads those blobs.
# Seen with opencv-python-headless 4.14.0.94, calibrated on the very input -2 -1 0 1 2, convolutions 1x1, the same with
# scales per channel and per blob:
#   concat(relu(conv), conv)   float 0 0 0 1 2 -2 -1 0 1 2     int8 -2 -1 0 1 2 -2 -1 0 1 2
#   conv + relu(conv)          float -2 -1 0 2 4               int8 0 0 0 2 4
#   max(x, conv(x))            float 2 1 0 1 2                 int8 0 0 0 1 2
#   relu(conv) + other conv    float -2 -1 0 2 4               int8 -2 -1 0 2 4
#   max(conv, other conv)      float 2 1 0 1 2                 int8 2 1 0 1 2
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

def number(value, axes):
    return message(7, message(7, message(1, bytes([1] * axes))) + message(5, np.float32(value).tobytes()))

def both(layers, weights, per_channel):
    text = 'input: "x" input_shape { dim: 1 dim: 1 dim: 1 dim: 5 } ' + layers
    stored = b"".join(
        message(100, message(1, name.encode()) + message(2, b"Convolution") + number(weight, 4) + number(0, 1))
        for name, weight in weights.items()
    )
    net = cv2.dnn.readNetFromCaffe(*(np.frombuffer(b, np.uint8) for b in (text.encode(), stored)))
    x = np.array([-2, -1, 0, 1, 2], np.float32).reshape(1, 1, 1, 5)
    small = net.quantize([x], cv2.CV_32F, cv2.CV_32F, per_channel)
    made = []
    for one in (net, small):
        one.setInput(x)
        made.append((one.forward().ravel().round(1) + 0.0).tolist())
    return made

def layer(kind, bottoms, top, param=""):
    names = " ".join('bottom: "%s"' % bottom for bottom in bottoms)
    return 'layer { name: "%s" type: "%s" %s top: "%s" %s } ' % (top, kind, names, top, param)

def conv(top, bottom="x"):
    return layer("Convolution", [bottom], top, "convolution_param { num_output: 1 kernel_size: 1 }")

MAX = "eltwise_param { operation: MAX }"
relu, ramp = layer("ReLU", ["p"], "r"), [-2, -1, 0, 1, 2]
rows = [
    ("concat(relu(conv), conv)", conv("p") + relu + conv("q") + layer("Concat", "rq", "c"), {"p": 1, "q": 1}, [0, 0, 0, 1, 2, *ramp], ramp + ramp),
    ("conv + relu(conv)", conv("p") + relu + layer("Eltwise", "pr", "c"), {"p": 1}, [-2, -1, 0, 2, 4], [0, 0, 0, 2, 4]),
    ("max(x, conv(x))", conv("p") + layer("Eltwise", "xp", "c", MAX), {"p": -1}, [2, 1, 0, 1, 2], [0, 0, 0, 1, 2]),
    ("relu(conv) + other conv", conv("p") + relu + conv("q") + layer("Eltwise", "rq", "c"), {"p": 1, "q": 1}, [-2, -1, 0, 2, 4], [-2, -1, 0, 2, 4]),
    ("max(conv, other conv)", conv("p") + conv("q") + layer("Eltwise", "pq", "c", MAX), {"p": 1, "q": -1}, [2, 1, 0, 1, 2], [2, 1, 0, 1, 2]),
]
print("opencv", cv2.__version__)
same = True
for name, layers, weights, exact, quantized in rows:
    for per_channel in (True, False):
        float_made, int8_made = both(layers, weights, per_channel)
        same &= float_made == exact and np.allclose(int8_made, quantized, atol=0.05)
    shown = [" ".join("%g" % value for value in made) for made in (float_made, int8_made)]
    print("%-26s float %-25s int8 %s" % (name, *shown))
sys.exit(0 if same else "this is no longer so")
PYTHON
