#!/usr/bin/env bash
# OpenCV's Caffe reader skips fields that its schema does not know: prototxts of forks load. But in a layer that
# has one, it takes all *absent* fields of the same parameter as set, to their protobuf defaults:
#  - convolution_param { pad: 1 ... }: the absent pad_h and pad_w, 0, win over `pad`: 7x7 comes out, not 9x9;
#  - batch_norm_param: the absent use_global_stats, false, wins over "true when testing": the stored mean and
#    variance are not used.
# One would guess that an unknown field changes nothing (it is skipped), or that the file is refused.
# Seen with opencv-python-headless 4.14.0.94:
#   convolution, pad: 1                     (1, 2, 9, 9)
#   the same and a field of a fork          (1, 2, 7, 7)
#   BatchNorm of 5, mean 1, variance 4      2.0
#   the same and a field of a fork          0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q opencv-python-headless==4.14.0.94 numpy==2.2.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import struct, sys
import cv2, numpy as np

INPUT = 'input: "data" input_shape { dim: 1 dim: %d dim: 9 dim: 9 } '

def message(number, payload):  # a length-delimited protobuf field
    size, length = len(payload), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    key = number << 3 | 2
    return (bytes([key]) if key < 128 else bytes([key & 127 | 128, key >> 7])) + length + bytes([size]) + payload

def blob(array):
    return message(7, message(7, message(1, bytes(array.shape))) + message(5, array.astype("<f4").tobytes()))

def run(kind, parameter, blobs, x):
    text = INPUT % x.shape[1] + 'layer { name: "l" type: "%s" bottom: "data" top: "l" %s }' % (kind, parameter)
    weights = message(100, message(1, b"l") + message(2, kind.encode()) + b"".join(map(blob, blobs)))
    net = cv2.dnn.readNetFromCaffe(*(np.frombuffer(b, np.uint8) for b in (text.encode(), weights)))
    net.setInput(x)
    return net.forward()

w, b = np.ones((2, 1, 3, 3)), np.zeros(2)
x = np.ones((1, 1, 9, 9), np.float32)
fields = "num_output: 2 kernel_h: 3 kernel_w: 3 stride_h: 1 stride_w: 1 pad: 1 dilation: 1"
plain = run("Convolution", "convolution_param { %s }" % fields, [w, b], x).shape
fork = run("Convolution", "convolution_param { %s fork_field: 1 }" % fields, [w, b], x).shape
statistics = [np.array([1.0]), np.array([4.0]), np.array([1.0])]
norm = float(run("BatchNorm", "batch_norm_param { eps: 1e-5 }", statistics, 5 * x).mean())
fork_norm = float(run("BatchNorm", "batch_norm_param { eps: 1e-5 fork_field: 1 }", statistics, 5 * x).mean())
print("opencv", cv2.__version__)
print("convolution, pad: 1                    ", plain)
print("the same and a field of a fork         ", fork)
print("BatchNorm of 5, mean 1, variance 4     ", round(norm, 3))
print("the same and a field of a fork         ", round(fork_norm, 3))
seen = plain == (1, 2, 9, 9) and fork == (1, 2, 7, 7) and abs(norm - 2) < 1e-3 and abs(fork_norm) < 1e-3
sys.exit(0 if seen else "this is no longer so")
PYTHON
