#!/usr/bin/env bash
# Net.setParam puts weights into a layer: masks, pruned filters, factors to try. In OpenCV it depends on the layer
# whether a net ever computes with them: Scale always does, Convolution and Deconvolution only if set before the
# first forward pass, InnerProduct, BatchNorm and PReLU never. getParam gives back what was set all the same, and an
# input of another size, for which all blobs are laid out anew, does not help.
# One would guess that the next pass uses what getParam shows. OpenCV warns of blobs of another shape only.
# Seen with opencv-python-headless 4.14.0.94, each parameter set to three times itself:
#   Convolution    set before a pass: used      after one: not used   in a batch of 2: not used   getParam: new
#   Deconvolution  set before a pass: used      after one: not used   in a batch of 2: not used   getParam: new
#   Scale          set before a pass: used      after one: used       in a batch of 2: used       getParam: new
#   InnerProduct   set before a pass: not used  after one: not used   in a batch of 2: not used   getParam: new
#   BatchNorm      set before a pass: not used  after one: not used   in a batch of 2: not used   getParam: new
#   PReLU          set before a pass: not used  after one: not used   in a batch of 2: not used   getParam: new
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

def blob(shape):  # of ones
    return message(7, message(7, message(1, bytes(shape))) + message(5, np.ones(shape, "<f4").tobytes()))

def load(kind, param, shapes):
    text = """input: "data" input_shape { dim: 1 dim: 4 dim: 3 dim: 3 }
    layer { name: "c" type: "%s" bottom: "data" top: "c" %s }""" % (kind, param)
    weights = message(100, message(1, b"c") + message(2, kind.encode()) + b"".join(map(blob, shapes)))
    return cv2.dnn.readNetFromCaffe(*(np.frombuffer(b, np.uint8) for b in (text.encode(), weights)))

def run(net, x):
    net.setInput(x)
    return net.forward().copy()

def used(layer):
    x = -1 - np.arange(36, dtype=np.float32).reshape(1, 4, 3, 3)
    pair = np.concatenate([x, x])
    before, after = load(*layer), load(*layer)
    new = 3 * before.getParam("c", 0)
    plain, plain_pair = run(load(*layer), x), run(load(*layer), pair)
    before.setParam("c", 0, new)
    assert np.array_equal(run(after, x), plain)
    after.setParam("c", 0, new)
    made = [(before, x, plain), (after, x, plain), (after, pair, plain_pair)]
    words = ["not used" if np.array_equal(run(net, given), old) else "used" for net, given, old in made]
    return words, np.array_equal(after.getParam("c", 0), new)

layers = [
    ("Convolution", "convolution_param { num_output: 4 kernel_size: 3 }", [(4, 4, 3, 3), (4,)]),
    ("Deconvolution", "convolution_param { num_output: 4 kernel_size: 2 stride: 2 }", [(4, 4, 2, 2), (4,)]),
    ("Scale", "scale_param { bias_term: true }", [(4,), (4,)]),
    ("InnerProduct", "inner_product_param { num_output: 5 }", [(5, 36), (5,)]),
    ("BatchNorm", "", [(4,), (4,), (1,)]),
    ("PReLU", "", [(4,)]),
]
wanted = ["used", "not used", "not used"], ["used"] * 3, ["not used"] * 3
print("opencv", cv2.__version__)
same = True
for layer, expected in zip(layers, [wanted[0], wanted[0], wanted[1], wanted[2], wanted[2], wanted[2]]):
    words, new = used(layer)
    print("%-14s set before a pass: %-9s after one: %-10s in a batch of 2: %-10s getParam: %s" % (layer[0], *words, "new" if new else "old"))
    same &= words == expected and new
sys.exit(0 if same else "this is no longer so")
PYTHON
