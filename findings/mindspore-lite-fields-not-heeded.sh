#!/usr/bin/env bash
# MindSpore Lite's Caffe converter takes these layers, says SUCCESS, and leaves out what they say: InnerProduct's
# `transpose`, `axis` of Reshape and of Flatten, Reduction's `coeff`, Exp's `base`; and padded average pooling divides
# by the pixels under the window, where Caffe counts the padding too.
# One would guess an error, as the same tool gives for an InnerProduct's `axis`, ELU and an Eltwise SUM with `coeff`.
# A `transpose` stops it later, when the model is loaded, unless the matrix is square: then nothing does.
# Seen with mindspore-lite 2.0.0, kendryte-caffe 1.0.0.20210829, on a blob 1x4x3x3 of 0 to 1:
#   InnerProduct  num_output: 36 transpose: true      Caffe (1, 36)       MindSpore (1, 36)       largest difference 11.8
#   Reshape       axis: 2 shape { dim: -1 }           Caffe (1, 4, 9)     MindSpore (36,)
#   Flatten       axis: 2                             Caffe (1, 4, 9)     MindSpore (1, 36)
#   Reduction     axis: 1 coeff: 0.5                  Caffe (1,)          MindSpore (1,)          largest difference 9
#   Exp           base: 2                             Caffe (1, 4, 3, 3)  MindSpore (1, 4, 3, 3)  largest difference 0.718
#   Pooling       pool: AVE kernel_size: 3 pad: 1     Caffe (1, 4, 3, 3)  MindSpore (1, 4, 3, 3)  largest difference 0.524
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in python3.7 ~/.pyenv/versions/3.7.*/bin/python; do
    "$python" -c "" 2>/dev/null && "$python" -m venv "$folder/env" && break
done
"$folder/env/bin/pip" install -q kendryte-caffe==1.0.0.20210829 protobuf==3.20.3 numpy==1.21.6 mindspore-lite==2.0.0
cd "$folder"
cat >run.py <<'PYTHON'
import sys
import numpy as np

tool, *kinds = sys.argv[1:]
x = np.linspace(0, 1, 36, dtype=np.float32).reshape(1, 4, 3, 3)
for kind in kinds:
    if tool == "caffe":
        import caffe
        net = caffe.Net(kind + ".prototxt", caffe.TEST)
        for blobs in net.params.values():
            blobs[0].data[...] = np.arange(36)[:, None] / 36
        net.blobs["data"].data[...] = x
        net.save(kind + ".caffemodel")
        np.save(kind + ".npy", net.forward()["c"])
        continue
    import mindspore_lite
    mindspore_lite.Converter().convert(mindspore_lite.FmkType.CAFFE, kind + ".prototxt", kind, kind + ".caffemodel")
    model, context = mindspore_lite.Model(), mindspore_lite.Context()
    context.target = ["cpu"]
    model.build_from_file(kind + ".mindir", mindspore_lite.ModelType.MINDIR, context)
    given = model.get_inputs()
    given[0].set_data_from_numpy(x)
    made, wanted = model.predict(given)[0].get_data_to_numpy(), np.load(kind + ".npy")
    line = "%-13s Caffe %-13s MindSpore %-13s" % (kind, wanted.shape, made.shape)
    if made.shape == wanted.shape:
        line += " largest difference %.3g" % np.abs(made - wanted).max()
    print(line.rstrip())
PYTHON
kinds=()
while IFS='|' read -r kind parameter; do
    kinds+=("$kind")
    echo 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 dim: 3 dim: 3 } } }
    layer { name: "c" type: "'$kind'" bottom: "data" top: "c" '"$parameter"' }' >"$kind.prototxt"
done <<'END'
InnerProduct|inner_product_param { num_output: 36 transpose: true bias_term: false }
Reshape|reshape_param { axis: 2 shape { dim: -1 } }
Flatten|flatten_param { axis: 2 }
Reduction|reduction_param { axis: 1 coeff: 0.5 }
Exp|exp_param { base: 2 }
Pooling|pooling_param { pool: AVE kernel_size: 3 pad: 1 }
END
GLOG_minloglevel=2 env/bin/python run.py caffe "${kinds[@]}" 2>log
env/bin/python run.py lite "${kinds[@]}" 2>log | grep Caffe | tee seen
env/bin/pip freeze 2>/dev/null | grep -i -E '^(mindspore-lite|kendryte-caffe)=='
cat >wanted <<'END'
InnerProduct  Caffe (1, 36)       MindSpore (1, 36)       largest difference 11.8
Reshape       Caffe (1, 4, 9)     MindSpore (36,)
Flatten       Caffe (1, 4, 9)     MindSpore (1, 36)
Reduction     Caffe (1,)          MindSpore (1,)          largest difference 9
Exp           Caffe (1, 4, 3, 3)  MindSpore (1, 4, 3, 3)  largest difference 0.718
Pooling       Caffe (1, 4, 3, 3)  MindSpore (1, 4, 3, 3)  largest difference 0.524
END
cmp -s seen wanted || { echo "this is no longer so" >&2; exit 1; }
