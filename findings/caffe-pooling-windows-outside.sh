#!/usr/bin/env bash
# Caffe rounds the size of a pooled blob up and takes windows back that begin outside the input only where there
# is padding. With a stride above the kernel (1x1, stride 2, as nets use it to subsample a shortcut) and an even
# size, the last windows hold no pixel: MAX leaves its start value there, -3.4e38, and AVE divides 0 by 0.
# OpenCV makes blobs of the same size and has 0 for MAX. With `pad` above zero the row would not be there at all.
# Seen with opencv-python-headless 4.14.0.94, kendryte-caffe 1.0.0.20210829, an 8x8 blob of ones, 1x1, stride 2:
#   MAX  Caffe (1, 1, 5, 5), last -3.4028234663852886e+38   OpenCV (1, 1, 5, 5), last 0.0
#   AVE  Caffe (1, 1, 5, 5), last nan                       OpenCV (1, 1, 5, 5), last nan
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
for pool in MAX AVE; do
    echo 'input: "data" input_shape { dim: 1 dim: 1 dim: 8 dim: 8 }
    layer { name: "p" type: "Pooling" bottom: "data" top: "p"
      pooling_param { pool: '$pool' kernel_size: 1 stride: 2 } }' >$pool.prototxt
done
GLOG_minloglevel=2 caffe/bin/python - <<'PYTHON'
import caffe, numpy as np
for pool in ("MAX", "AVE"):
    net = caffe.Net(pool + ".prototxt", caffe.TEST)
    net.blobs["data"].data[...] = 1
    np.save(pool + ".npy", net.forward()["p"])
PYTHON
opencv/bin/python - <<'PYTHON'
import cv2, numpy as np, sys
seen = {}
for pool in ("MAX", "AVE"):
    net = cv2.dnn.readNetFromCaffe(pool + ".prototxt")
    net.setInput(np.ones((1, 1, 8, 8), np.float32))
    both = np.load(pool + ".npy"), net.forward()
    seen[pool] = [float(one[0, 0, -1, -1]) for one in both]
    print("%s  Caffe %s, last %s   OpenCV %s, last %s" % (pool, both[0].shape, seen[pool][0], both[1].shape, seen[pool][1]))
print("opencv", cv2.__version__)
right = seen["MAX"][0] < -3e38 and seen["MAX"][1] == 0 and np.isnan(seen["AVE"]).all()
sys.exit(0 if right else "this is no longer so")
PYTHON
