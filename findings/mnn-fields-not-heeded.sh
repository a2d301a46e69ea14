#!/usr/bin/env bash
# MNN's Caffe converter takes these layers and leaves out what they say, without a word: LRN's k, Scale's axis (it
# scales channels whatever the axis, if the numbers reach), Reduction's coeff, and the mean that MVN takes away.
# One would guess an error, as the same tool gives for layers that it does not know.
# Seen with MNN 3.6.1, kendryte-caffe 1.0.0.20210829, on a blob 1x2x2x2 of 0..7:
#   LRN        k: 8         largest difference 0.3889
#   Scale      axis: 2      largest difference 5.0
#   Reduction  coeff: 0.5   largest difference 14.0
#   MVN                     largest difference 4.9193
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
x = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
if tool == "caffe":
    import caffe
    net = caffe.Net(net + ".prototxt", caffe.TEST)
    for blobs in net.params.values():
        blobs[0].data[...] = [1, 2]
    net.blobs["data"].data[...] = x
    net.save("weights.caffemodel")
    np.save("caffe.npy", net.forward()["c"])
else:
    import MNN
    reader = MNN.Interpreter(net + ".mnn")
    session = reader.createSession()
    given = MNN.Tensor(x.shape, MNN.Halide_Type_Float, x, MNN.Tensor_DimensionType_Caffe)
    reader.getSessionInput(session).copyFrom(given)
    reader.runSession(session)
    made = reader.getSessionOutput(session)
    room = MNN.Tensor(made.getShape(), MNN.Halide_Type_Float, np.zeros(made.getShape(), np.float32), MNN.Tensor_DimensionType_Caffe)
    made.copyToHostTensor(room)
    print(round(float(np.abs(np.ravel(room.getNumpyData()) - np.load("caffe.npy").ravel()).max()), 4))
PYTHON
fault=0
while IFS='|' read -r kind parameter wanted; do
    echo 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 dim: 2 dim: 2 } } }
    layer { name: "c" type: "'$kind'" bottom: "data" top: "c" '"$parameter"' }' >$kind.prototxt
    GLOG_minloglevel=2 env/bin/python run.py $kind caffe 2>log
    env/bin/mnnconvert -f CAFFE --prototxt $kind.prototxt --modelFile weights.caffemodel --MNNModel $kind.mnn --bizCode x >log 2>&1
    seen=$(env/bin/python run.py $kind mnn 2>log | tail -n 1)
    printf '%-10s %-60s largest difference %s\n' "$kind" "$parameter" "$seen"
    [[ "$seen" == "$wanted" ]] || fault=1
done <<'END'
LRN|lrn_param { local_size: 1 alpha: 1 beta: 1 k: 8 }|0.3889
Scale|scale_param { axis: 2 num_axes: 1 }|5.0
Reduction|reduction_param { axis: 1 coeff: 0.5 }|14.0
MVN||4.9193
END
env/bin/pip freeze 2>/dev/null | grep -i -E '^(mnn|kendryte-caffe)=='
[[ $fault == 0 ]] || { echo "this is no longer so" >&2; exit 1; }
