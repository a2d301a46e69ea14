#!/usr/bin/env bash
# A filter that weight decay has driven to 1e-6 and less gives its bias and nothing else. Net.quantize of OpenCV, which
# scales each filter by itself unless told otherwise, loses that bias: 1 becomes about 0 or a negative number. Filters
# that are 0 exactly are right, and so are those of 1e-5; with one scale for the whole layer all are.
# One would guess that nearly 0 is no worse than 0: the bias is the same, and which scale such a filter gets is free.
# (The bias is stored as a 32-bit integer in steps of the filter's own scale, and there are too many of them.)
# Seen with opencv-python-headless 4.14.0.94, a channel with bias 1, calibrated on the very input; off by 0.5 or more
# counts as seen:
#   largest weight   float   Convolution, one scale   InnerProduct, one scale
#   0                1.00     1.02   0.99              1.01   0.99
#   1e-05            1.00     0.99   0.99              0.99   0.99
#   1e-06            1.00     0.04   0.99             -0.16   0.99
#   1e-08            1.00     0.00   0.99             -0.00   0.99
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

def blob(array):
    return message(7, message(7, message(1, bytes(array.shape))) + message(5, array.astype("<f4").tobytes()))

def channel(x, kind, field, arrays):  # the middle one: in float, with a scale for each filter, with one scale
    text = 'input: "x" input_shape { %s } ' % " ".join("dim: %d" % size for size in x.shape)
    text += 'layer { name: "c" type: "%s" bottom: "x" top: "c" %s }' % (kind, field)
    stored = message(100, message(1, b"c") + message(2, kind.encode()) + b"".join(map(blob, arrays)))
    made = []
    for per_channel in (None, True, False):
        net = cv2.dnn.readNetFromCaffe(*(np.frombuffer(b, np.uint8) for b in (text.encode(), stored)))
        if per_channel is not None:
            net = net.quantize([x], cv2.CV_32F, cv2.CV_32F, per_channel)
        net.setInput(x)
        made.append(float(net.forward()[0, 1].mean()))
    return made

random = np.random.default_rng(0)
x, plain = random.standard_normal((1, 4, 4, 4)).astype(np.float32), random.standard_normal((3, 4, 1, 1))
bias = np.ones(3)
print("opencv", cv2.__version__)
print("largest weight   float   Convolution, one scale   InnerProduct, one scale")
same = True
for size in (0, 1e-5, 1e-6, 1e-8):
    small = plain.copy()
    small[1] *= size / np.abs(plain[1]).max()
    made = [
        channel(x, "Convolution", "convolution_param { num_output: 3 kernel_size: 1 }", [small, bias]),
        channel(x[:, :, 0, 0], "InnerProduct", "inner_product_param { num_output: 3 }", [small[:, :, 0, 0], bias]),
    ]
    print("%-16g %.2f   " % (size, made[0][0]) + "           ".join(" %5.2f  %5.2f" % tuple(one[1:]) for one in made))
    for exact, each_filter, one_scale in made:
        same &= abs(exact - 1) < 1e-3 and abs(one_scale - 1) < 0.1
        same &= abs(each_filter - 1) > 0.5 if 0 < size < 5e-6 else abs(each_filter - 1) < 0.1
sys.exit(0 if same else "this is no longer so")
PYTHON
