#!/usr/bin/env bash
# OpenCV's fast path for depthwise 3x3 convolutions (stride 1, pad 1) is also taken where the kernel is dilated, and
# is then wrong without a word: the shape is right, the values are those of another sum. Pad 0 or 2, stride 2, 5x5
# kernels and groups of several channels go another way and are right. ESPNet and others have such layers.
# One would guess that a path that cannot dilate is not taken.
# Seen with opencv-python-headless 4.14.0.94 on x86-64 with AVX2, against the sum written out in numpy:
#   dilation 1 pad 1   relative error 0.0
#   dilation 2 pad 1   relative error 0.4 (any above 0.1 counts as seen)
#   dilation 2 pad 2   relative error 0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q opencv-python-headless==4.14.0.94 numpy==2.2.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import sys
import cv2, numpy as np

NET = """input: "data" input_shape { dim: 1 dim: 8 dim: 12 dim: 12 }
layer { name: "l" type: "Convolution" bottom: "data" top: "l" convolution_param {
  num_output: 8 group: 8 kernel_size: 3 bias_term: false stride: 1 pad: %d dilation: %d } }"""

def message(number, payload):  # a length-delimited protobuf field
    size, length = len(payload), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    key = number << 3 | 2
    return (bytes([key]) if key < 128 else bytes([key & 127 | 128, key >> 7])) + length + bytes([size]) + payload

def right(x, w, pad, step):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    high, wide = (size - 2 * step for size in x.shape[2:])
    return sum(
        w[None, :, 0, i, j, None, None] * x[:, :, i * step : i * step + high, j * step : j * step + wide]
        for i in range(3) for j in range(3)
    )

random = np.random.default_rng(0)
x = random.standard_normal((1, 8, 12, 12)).astype(np.float32)
w = random.standard_normal((8, 1, 3, 3)).astype(np.float32)
blob = message(7, message(7, message(1, bytes(w.shape))) + message(5, w.astype("<f4").tobytes()))
weights = message(100, message(1, b"l") + message(2, b"Convolution") + blob)
print("opencv", cv2.__version__)
errors = []
for step, pad in ((1, 1), (2, 1), (2, 2)):
    net = cv2.dnn.readNetFromCaffe(*(np.frombuffer(b, np.uint8) for b in ((NET % (pad, step)).encode(), weights)))
    net.setInput(x)
    made, wanted = net.forward(), right(x, w, pad, step)
    assert made.shape == wanted.shape
    errors.append(float(np.linalg.norm(made - wanted) / np.linalg.norm(wanted)))
    print("dilation %d pad %d   relative error %.1f" % (step, pad, errors[-1]))
sys.exit(0 if errors[0] < 1e-5 and errors[1] > 0.1 and errors[2] < 1e-5 else "this is no longer so")
PYTHON
