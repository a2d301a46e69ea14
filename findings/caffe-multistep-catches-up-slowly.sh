#!/usr/bin/env bash
# Caffe's policy "multistep" does not ask which of its steps lie behind. It keeps a counter, moved on by at most one
# each time that the rate is asked for, and kept in solver states. A run begun with the policy "fixed" and resumed at
# 30 with steps at 10, 20 and 25 therefore trains one iteration at 0.1 and one at 0.01 before the 0.001 that the
# settings say; and whoever reads `solver.lr` to log it moves the counter too, so that the run learns otherwise for
# being looked at.
# One would guess that the rate follows from the iteration, as in the policy "step", and that reading it changes nothing.
# Seen with kendryte-caffe 1.0.0.20210829, gradient 1, base_lr 1, gamma 0.1: what a weight lost in iterations 31 to 34
#   multistep from the start                       0.001 0.001 0.001 0.001
#   step, resumed                                  0.001 0.001 0.001 0.001
#   multistep, resumed                             0.1 0.01 0.001 0.001
#   multistep, resumed, lr read before each        0.01 0.001 0.001 0.001
#   multistep, resumed, lr read twice before each  0.001 0.001 0.001 0.001
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in python3.9 ~/.pyenv/versions/3.9.*/bin/python; do
    "$python" -c "" 2>/dev/null && "$python" -m venv "$folder/env" && break
done
"$folder/env/bin/pip" install -q kendryte-caffe==1.0.0.20210829 protobuf==3.20.3 numpy==1.26.4
cd "$folder"
cat >net.prototxt <<'END'
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 1 } } }
layer { name: "y" type: "InnerProduct" bottom: "x" top: "y" inner_product_param { num_output: 1 bias_term: false } }
layer { name: "loss" type: "Reduction" bottom: "y" top: "loss" loss_weight: 1 }
END
GLOG_minloglevel=2 env/bin/python - <<'PYTHON'
import sys
import caffe

MULTI = 'lr_policy: "multistep" stepvalue: 10 stepvalue: 20 stepvalue: 25'

def begin(policy):
    with open("solver.prototxt", "w") as file:
        file.write('net: "net.prototxt" base_lr: 1 gamma: 0.1 max_iter: 100 snapshot_prefix: "state" ' + policy)
    solver = caffe.get_solver("solver.prototxt")
    solver.net.blobs["x"].data[...] = 1
    return solver

def lost(solver, looks=0):
    values = []
    for _ in range(4):
        weight = solver.net.params["y"][0].data
        weight[...] = 0
        for _ in range(looks):
            solver.lr
        solver.step(1)
        values.append(round(-float(weight[0, 0]), 6))
    return values

def resumed(policy, looks=0):
    solver = begin(policy)
    solver.restore("state_iter_30.solverstate")
    return lost(solver, looks)

whole = begin(MULTI)
whole.step(30)
first = begin('lr_policy: "fixed"')
first.step(30)
first.snapshot()
rows = [
    ("multistep from the start", lost(whole), [0.001] * 4),
    ("step, resumed", resumed('lr_policy: "step" stepsize: 10'), [0.001] * 4),
    ("multistep, resumed", resumed(MULTI), [0.1, 0.01, 0.001, 0.001]),
    ("multistep, resumed, lr read before each", resumed(MULTI, 1), [0.01, 0.001, 0.001, 0.001]),
    ("multistep, resumed, lr read twice before each", resumed(MULTI, 2), [0.001] * 4),
]
for name, made, _ in rows:
    print("%-46s %s" % (name, " ".join("%g" % value for value in made)))
sys.exit(0 if all(made == wanted for _, made, wanted in rows) else "this is no longer so")
PYTHON
env/bin/pip freeze 2>/dev/null | grep -i -E '^kendryte-caffe=='
