#!/usr/bin/env bash
# pycaffe's `resize_image`, which `Transformer.preprocess` and `Classifier` call for every image of another size than
# the net's, hands scikit-image a border of zeros, after it has stretched the image to 0..1. So the border of what comes
# back fades towards the darkest pixel of the whole image, made larger or smaller: since scikit-image 0.15 the smoothing
# before shrinking sees the zeros too. Images of more than three channels go another way (`scipy.ndimage.zoom`):
# corners on corners, nothing smoothed, no fading, so that the same channel gives two different images.
# One would guess that a white wall stays white, and that a channel is resized alike in whatever company.
# Seen with kendryte-caffe 1.0.0.20210829, scikit-image 0.24.0, scipy 1.13.1, white (255) with one black dot inside:
#   8 -> 16   channels: 3   corner 143.4   border 191.2   next 255.0
#   64 -> 16  channels: 3   corner 206.8   border 229.7   next 255.0
#   64 -> 16  channels: 4   corner 255.0   border 255.0   next 255.0
# and a ramp 0..63, 64 -> 8:
#   channels: 3   3.79 11.5 19.5 27.5 35.5 43.5 51.5 51.1
#   channels: 4   0 9 18 27 36 45 54 63
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in python3.9 ~/.pyenv/versions/3.9.*/bin/python; do
    "$python" -c "" 2>/dev/null && "$python" -m venv "$folder/env" && break
done
"$folder/env/bin/pip" install -q kendryte-caffe==1.0.0.20210829 protobuf==3.20.3 numpy==1.26.4 scikit-image==0.24.0 scipy==1.13.1
cd "$folder"
GLOG_minloglevel=2 env/bin/python - <<'PYTHON'
import sys
import caffe
import numpy as np

def wall(size, channels):
    image = np.full((size, size, channels), 255, np.float32)
    image[size // 2 - size // 8, size // 2 - size // 8] = 0
    return image

wrong = []
cases = [(8, 16, 3, [143.4, 191.2, 255.0]), (64, 16, 3, [206.8, 229.7, 255.0]), (64, 16, 4, [255.0] * 3)]
for before, after, channels, wanted in cases:
    made = caffe.io.resize_image(wall(before, channels), (after, after))[..., 0]
    seen = [float(made[0, 0]), float(made[0, after // 2]), float(made[1, after // 2])]
    print("%2d -> %2d  channels: %d   corner %.1f   border %.1f   next %.1f" % (before, after, channels, *seen))
    wrong.append(not np.allclose(seen, wanted, atol=0.1))
ramps = {3: [3.8, 11.5, 19.5, 27.5, 35.5, 43.5, 51.5, 51.1], 4: range(0, 64, 9)}
for channels, wanted in ramps.items():
    ramp = np.tile(np.arange(64, dtype=np.float32)[:, np.newaxis], (64, 1, channels))
    row = caffe.io.resize_image(ramp, (8, 8))[4, :, 0]
    print("channels: %d   %s" % (channels, " ".join("%.3g" % value for value in row)))
    wrong.append(not np.allclose(row, wanted, atol=0.1))
sys.exit("this is no longer so" if any(wrong) else 0)
PYTHON
env/bin/pip freeze 2>/dev/null | grep -i -E '^(kendryte-caffe|scikit-image|scipy)=='
