#!/usr/bin/env bash
# Caffe's solver states keep arrays for each weight and do not say what they are. A state of AdaGrad or RMSProp (sums of
# squared gradients) restored by SGD is taken for the last steps, and one of Adam (whose first half may be negative) by
# AdaDelta for squares, of which it takes roots. Nothing is said. The usual "Adam first, SGD to finish" is stopped by
# the number of arrays; these pairs, of which each has as many, are not.
# One would guess that a state names its solver's type, or that foreign arrays only cost a few iterations of momentum.
# Seen with kendryte-caffe 1.0.0.20210829, one weight with its target at 9, rate 0.01: 5 iterations by the first
# solver, then one by the second, which had the state or the weights alone
#   AdaGrad  SGD       from 0.0323 with the state to -90.73   with the weights to 0.07713
#   RMSProp  SGD       from 0.2293 with the state to -1.435   with the weights to 0.2731
#   Adam     AdaDelta  from 0.05   with the state to nan      with the weights to 0.05004
#   SGD      SGD       from 0.5845 with the state to 0.789    with the weights to 0.6266
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in python3.9 ~/.pyenv/versions/3.9.*/bin/python; do
    "$python" -c "" 2>/dev/null && "$python" -m venv "$folder/env" && break
done
"$folder/env/bin/pip" install -q kendryte-caffe==1.0.0.20210829 protobuf==3.20.3 numpy==1.26.4
cd "$folder"
cat >net.prototxt <<'NET'
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 2 } } }
layer { name: "t" type: "Input" top: "t" input_param { shape { dim: 2 dim: 1 } } }
layer { name: "y" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 1 bias_term: false } }
layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }
NET
GLOG_minloglevel=2 env/bin/python - <<'PYTHON'
import sys
import caffe

SETTINGS = {
    "SGD": "momentum: 0.9",
    "AdaGrad": "delta: 1e-8",
    "RMSProp": "rms_decay: 0.98 delta: 1e-8",
    "AdaDelta": "momentum: 0.95 delta: 1e-6",
    "Adam": "momentum: 0.9 momentum2: 0.999 delta: 1e-8",
}

def begin(kind):
    with open("solver.prototxt", "w") as file:
        file.write('net: "net.prototxt" base_lr: 0.01 lr_policy: "fixed" max_iter: 99 ')
        file.write('type: "%s" snapshot_prefix: "%s" %s' % (kind, kind, SETTINGS[kind]))
    solver = caffe.get_solver("solver.prototxt")
    solver.net.blobs["x"].data[...] = [[1, 0], [0, 1]]
    solver.net.blobs["t"].data[...] = [[9], [-9]]
    solver.net.params["y"][0].data[...] = 0
    return solver

def first_weight(solver):
    return "%.4g" % solver.net.params["y"][0].data[0, 0]

def hand_over(first, second):
    solver = begin(first)
    solver.step(5)
    solver.snapshot()
    restored, fresh = begin(second), begin(second)
    restored.restore(first + "_iter_5.solverstate")
    fresh.net.copy_from(first + "_iter_5.caffemodel")
    values = [first_weight(restored)]
    for made in (restored, fresh):
        made.step(1)
        values.append(first_weight(made))
    return values

wanted = {
    ("AdaGrad", "SGD"): ["0.0323", "-90.73", "0.07713"],
    ("RMSProp", "SGD"): ["0.2293", "-1.435", "0.2731"],
    ("Adam", "AdaDelta"): ["0.05", "nan", "0.05004"],
    ("SGD", "SGD"): ["0.5845", "0.789", "0.6266"],
}
seen = {pair: hand_over(*pair) for pair in wanted}
for pair, values in seen.items():
    print("%-8s %-9s from %-6s with the state to %-8s with the weights to %s" % (*pair, *values))
sys.exit(0 if seen == wanted else "this is no longer so")
PYTHON
env/bin/pip freeze 2>/dev/null | grep -i -E '^kendryte-caffe=='
