#!/usr/bin/env bash
# A solver's `iter_size: n` stands for a batch n times as large that does not fit into memory: gradients of n batches
# are added up and divided by n. But `clip_gradients` looks before the division: at the sum. The same data at the same
# bound is clipped n times as hard, and a run moved to a smaller card (batch 8 -> 8 times batch 1) learns slower.
# One would guess that the split of a batch changes nothing, as it does without clipping.
# Seen with kendryte-caffe 1.0.0.20210829: the step of one weight at rate 1, 8 images in all, true gradient 0.8
#   iter_size             1       2       4       8
#   no clipping           0.8     0.8     0.8     0.8
#   clip_gradients: 2     0.8     0.8     0.5     0.25
#   clip_gradients: 1     0.8     0.5     0.25    0.125
#   clip_gradients: 0.5   0.5     0.25    0.125   0.0625
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in python3.9 ~/.pyenv/versions/3.9.*/bin/python; do
    "$python" -c "" 2>/dev/null && "$python" -m venv "$folder/env" && break
done
"$folder/env/bin/pip" install -q kendryte-caffe==1.0.0.20210829 protobuf==3.20.3 numpy==1.26.4
cd "$folder"
GLOG_minloglevel=2 env/bin/python - <<'PYTHON'
import sys
import caffe

NET = """layer { name: "x" type: "Input" top: "x" input_param { shape { dim: %d dim: 1 } } }
layer { name: "y" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 1 bias_term: false } }
layer { name: "loss" type: "Reduction" bottom: "y" top: "loss" loss_weight: 1 reduction_param { operation: MEAN axis: 0 } }
"""
IMAGES, PARTS = 8, (1, 2, 4, 8)

def taken(parts, clipping):
    with open("net.prototxt", "w") as file:
        file.write(NET % (IMAGES // parts))
    with open("solver.prototxt", "w") as file:
        file.write('net: "net.prototxt" base_lr: 1 lr_policy: "fixed" max_iter: 9 iter_size: %d %s' % (parts, clipping))
    solver = caffe.get_solver("solver.prototxt")
    solver.net.blobs["x"].data[...] = 0.8
    weight = solver.net.params["y"][0].data
    weight[...] = 0
    solver.step(1)
    return round(-float(weight[0, 0]), 4)

wanted = {
    "": [0.8, 0.8, 0.8, 0.8],
    "clip_gradients: 2": [0.8, 0.8, 0.5, 0.25],
    "clip_gradients: 1": [0.8, 0.5, 0.25, 0.125],
    "clip_gradients: 0.5": [0.5, 0.25, 0.125, 0.0625],
}
seen = {clipping: [taken(parts, clipping) for parts in PARTS] for clipping in wanted}
for name, values in [("iter_size", PARTS), *seen.items()]:
    print("%-21s" % (name or "no clipping"), *("%-7g" % value for value in values))
sys.exit(0 if seen == wanted else "this is no longer so")
PYTHON
env/bin/pip freeze 2>/dev/null | grep -i -E '^kendryte-caffe=='
