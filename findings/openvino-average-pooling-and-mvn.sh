#!/usr/bin/env bash
# Two layers that OpenVINO's converter for Caffe takes, and that then compute something else without a word:
#  - average pooling divides by the whole kernel where the last window sticks out of the padded input; Caffe cuts
#    the window off at the padding first. It takes padding and an even size: kernel 3, stride 2, pad 1 over 6.
#  - MVN's across_channels is dropped: each channel is normalised by itself.
# Seen with openvino-dev 2023.3.0 (the last that reads Caffe), kendryte-caffe 1.0.0.20210829:
#   AVE pooling of ones, last row     Caffe [0.3333, 0.5, 0.5, 0.25]          OpenVINO [0.2222, 0.3333, 0.3333, 0.1111]
#   MVN of 0..7 across 2 channels     Caffe [-1.5275, -1.0911, -0.6547, ...]  OpenVINO [-1.3416, -0.4472, 0.4472, ...]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in python3.9 ~/.pyenv/versions/3.9.*/bin/python; do
    "$python" -c "" 2>/dev/null && "$python" -m venv "$folder/env" && break
done
"$folder/env/bin/pip" install -q kendryte-caffe==1.0.0.20210829 protobuf==3.20.3 numpy==1.26.4 openvino-dev==2023.3.0
cd "$folder"
GLOG_minloglevel=2 env/bin/python - <<'PYTHON'
import subprocess, sys
import caffe
import numpy as np
from openvino.runtime import Core

def run(name, shape, layer, x):
    dims = " ".join("dim: %d" % size for size in shape)
    text = 'input: "data" input_shape { %s } layer { name: "c" bottom: "data" top: "c" %s }' % (dims, layer)
    open(name + ".prototxt", "w").write(text)
    net = caffe.Net(name + ".prototxt", caffe.TEST)
    net.blobs["data"].data[...] = x
    first = net.forward()["c"].copy()
    net.save(name + ".caffemodel")
    command = ["env/bin/mo", "--input_proto", name + ".prototxt", "--input_model", name + ".caffemodel", "-n", name]
    subprocess.run([*command, "--compress_to_fp16=False"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    model = Core().compile_model(name + ".xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return first, list(model([x]).values())[0]

pooled = run("pool", (1, 1, 6, 6), 'type: "Pooling" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }', np.ones((1, 1, 6, 6), np.float32))
rows = [[round(float(value), 4) for value in made[0, 0, -1]] for made in pooled]
eight = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
normed = run("mvn", eight.shape, 'type: "MVN" mvn_param { across_channels: true }', eight)
values = [[round(float(value), 4) for value in made.ravel()[:3]] for made in normed]
print("AVE pooling of ones, last row    ", "Caffe", rows[0], "OpenVINO", rows[1])
print("MVN of 0..7 across 2 channels    ", "Caffe", values[0], "OpenVINO", values[1])
want_rows = [[0.3333, 0.5, 0.5, 0.25], [0.2222, 0.3333, 0.3333, 0.1111]]
want_values = [[-1.5275, -1.0911, -0.6547], [-1.3416, -0.4472, 0.4472]]
same = np.allclose(rows, want_rows, atol=2e-4) and np.allclose(values, want_values, atol=2e-4)
sys.exit(0 if same else "this is no longer so")
PYTHON
