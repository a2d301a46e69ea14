#!/usr/bin/env bash
# Caffe dilates the kernels of Deconvolution layers as it does those of Convolution layers. OpenCV's Caffe reader
# accepts the field and heeds it for Convolution alone: a Deconvolution of kernel 3, dilation 2 over 6x6 gives
# 8x8 instead of 10x10, without a word.
# Seen with opencv-python-headless 4.14.0.94, kendryte-caffe 1.0.0.20210829:
#   Deconvolution  kernel 3 dilation 2   Caffe (1, 1, 10, 10)  OpenCV (1, 1, 8, 8)
#   Convolution    kernel 3 dilation 2   Caffe (1, 1, 2, 2)    OpenCV (1, 1, 2, 2)
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
for kind in Deconvolution Convolution; do
    echo 'input: "data" input_shape { dim: 1 dim: 1 dim: 6 dim: 6 }
    layer { name: "c" type: "'$kind'" bottom: "data" top: "c"
      convolution_param { num_output: 1 kernel_size: 3 dilation: 2 weight_filler { type: "constant" value: 1 } } }' >$kind.prototxt
done
GLOG_minloglevel=2 caffe/bin/python - <<'PYTHON'
import caffe
for kind in ("Deconvolution", "Convolution"):
    net = caffe.Net(kind + ".prototxt", caffe.TEST)
    open(kind + ".caffe", "w").write(str(tuple(net.blobs["c"].data.shape)))
    net.save(kind + ".caffemodel")
PYTHON
opencv/bin/python - <<'PYTHON'
import cv2, numpy as np, sys
seen = {}
for kind in ("Deconvolution", "Convolution"):
    net = cv2.dnn.readNetFromCaffe(kind + ".prototxt", kind + ".caffemodel")
    net.setInput(np.ones((1, 1, 6, 6), np.float32))
    seen[kind] = open(kind + ".caffe").read(), str(net.forward().shape)
    print("%-14s kernel 3 dilation 2   Caffe %s  OpenCV %s" % (kind, *seen[kind]))
print("opencv", cv2.__version__)
right = seen["Deconvolution"] == ("(1, 1, 10, 10)", "(1, 1, 8, 8)") and len(set(seen["Convolution"])) == 1
sys.exit(0 if right else "this is no longer so")
PYTHON
