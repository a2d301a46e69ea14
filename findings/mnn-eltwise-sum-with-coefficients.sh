#!/usr/bin/env bash
# An Eltwise SUM whose coefficients are written becomes a product in MNN's Caffe converter, without a word:
# `coeff: 1 coeff: 1`, which is Caffe's own default spelt out, gives a*b. Only `coeff: 1 coeff: -1` is done rightly,
# as a difference.
# Seen with MNN 3.6.1, kendryte-caffe 1.0.0.20210829, a = 1, b = 3:
#   SUM                          Caffe 4.0   MNN 4.0
#   SUM coeff: 1 coeff: 1        Caffe 4.0   MNN 3.0
#   SUM coeff: 0.5 coeff: 2      Caffe 6.5   MNN 3.0
#   SUM coeff: 1 coeff: -1       Caffe -2.0  MNN -2.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in python3.9 ~/.pyenv/versions/3.9.*/bin/python; do
    "$python" -c "" 2>/dev/null && "$python" -m venv "$folder/env" && break
done
"$folder/env/bin/pip" install -q kendryte-caffe==1.0.0.20210829 protobuf==3.20.3 numpy==1.26.4 MNN==3.6.1
cd "$folder"
cat >run.py <<'PYTHON'
import sys
import numpy as np
net, tool = sys.argv[1:]
x = np.ones((1, 1, 1, 1), np.float32)
if tool == "caffe":
    import caffe
    net = caffe.Net(net + ".prototxt", caffe.TEST)
    net.blobs["data"].data[...] = x
    net.save("weights.caffemodel")
    made = net.forward()["c"]
else:
    import MNN
    reader = MNN.Interpreter(net + ".mnn")
    session = reader.createSession()
    given = MNN.Tensor(x.shape, MNN.Halide_Type_Float, x, MNN.Tensor_DimensionType_Caffe)
    reader.getSessionInput(session).copyFrom(given)
    reader.runSession(session)
    made = reader.getSessionOutput(session).getNumpyData()
print(round(float(np.ravel(made)[0]), 4))
PYTHON
n=0 fault=0
while IFS='|' read -r coefficients caffe mnn; do
    n=$((n + 1))
    echo 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 1 dim: 1 dim: 1 } } }
    layer { name: "b" type: "Power" bottom: "data" top: "b" power_param { scale: 3 } }
    layer { name: "c" type: "Eltwise" bottom: "data" bottom: "b" top: "c"
      eltwise_param { operation: SUM '"$coefficients"' } }' >net$n.prototxt
    seen=$(GLOG_minloglevel=2 env/bin/python run.py net$n caffe 2>log)
    env/bin/mnnconvert -f CAFFE --prototxt net$n.prototxt --modelFile weights.caffemodel --MNNModel net$n.mnn --bizCode x >log 2>&1
    made=$(env/bin/python run.py net$n mnn 2>log | tail -n 1)
    printf 'SUM %-22s Caffe %-5s MNN %s\n' "$coefficients" "$seen" "$made"
    [[ "$seen $made" == "$caffe $mnn" ]] || fault=1
done <<'END'
|4.0|4.0
coeff: 1 coeff: 1|4.0|3.0
coeff: 0.5 coeff: 2|6.5|3.0
coeff: 1 coeff: -1|-2.0|-2.0
END
env/bin/pip freeze 2>/dev/null | grep -i -E '^(mnn|kendryte-caffe)=='
[[ $fault == 0 ]] || { echo "this is no longer so" >&2; exit 1; }
