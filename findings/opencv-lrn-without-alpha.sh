#!/usr/bin/env bash
# Caffe's LRN divides by (1 + alpha/n * sum of squares)^0.75, alpha 1 where the prototxt does not give it.
# OpenCV's Caffe reader takes only fields that are written, and its LRN layer has a default of its own, 0.0001:
# a net with a bare `type: "LRN"` runs as if the layer were not there. Its own copy of Caffe's schema says 1.
# Seen with opencv-python-headless 4.14.0.94, kendryte-caffe 1.0.0.20210829, on a blob of twos, 5 channels:
#   lrn_param                 Caffe     OpenCV    at the middle channel (by hand: 0.5981)
#   {}                        0.5981    1.9994
#   { alpha: 1 }              0.5981    0.5981
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/opencv"
"$folder/opencv/bin/pip" install -q opencv-python-headless==4.14.0.94 numpy==2.2.6
for python in python3.9 ~/.pyenv/versions/3.9.*/bin/python; do
    "$python" -c "" 2>/dev/null && "$python" -m venv "$folder/caffe" && break
done
"$folder/caffe/bin/pip" install -q kendryte-caffe==1.0.0.20210829 protobuf==3.20.3 numpy==1.26.4
cd "$folder"
for alpha in '' 'alpha: 1'; do
    name=${alpha:+given}
    echo 'input: "data" input_shape { dim: 1 dim: 5 dim: 1 dim: 1 }
    layer { name: "n" type: "LRN" bottom: "data" top: "n" lrn_param { '"$alpha"' } }' >"lrn$name.prototxt"
done
GLOG_minloglevel=2 caffe/bin/python - <<'PYTHON'
import caffe, json
def run(path):
    net = caffe.Net(path, caffe.TEST)
    net.blobs["data"].data[...] = 2
    return float(net.forward()["n"][0, 2, 0, 0])
json.dump([run("lrn.prototxt"), run("lrngiven.prototxt")], open("caffe.json", "w"))
PYTHON
opencv/bin/python - <<'PYTHON'
import cv2, json, numpy as np, sys
def run(path):
    net = cv2.dnn.readNetFromCaffe(path)
    net.setInput(np.full((1, 5, 1, 1), 2, np.float32))
    return float(net.forward()[0, 2, 0, 0])
caffe, opencv = json.load(open("caffe.json")), [run("lrn.prototxt"), run("lrngiven.prototxt")]
right = 2 / (1 + 1 / 5 * 20) ** 0.75
print("opencv", cv2.__version__, "by hand %.4f" % right)
for name, a, b in zip(("{}", "{ alpha: 1 }"), caffe, opencv):
    print("%-24s  Caffe %.4f   OpenCV %.4f" % (name, a, b))
close = lambda value: abs(value - right) < 1e-4
sys.exit(0 if close(caffe[0]) and close(caffe[1]) and close(opencv[1]) and opencv[0] > 1.99 else "this is no longer so")
PYTHON
