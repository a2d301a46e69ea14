#!/usr/bin/env bash
# HDF5 halves some of the numbers that it narrows to float16 itself: those that are rounded up to a power of two get
# the fraction of the new number and the exponent of the old one. 0.06249404 becomes 0.03125 instead of 0.0625. About
# 4 of 10,000 weights of a layer are such, whether a float16 dataset is given float32 or float64, or a float32 one is
# read as float16. numpy's own `astype` before the write, and HDF5's widening, are right.
# One would guess the nearest float16, and at worst an error in the last of its bits.
# Seen with h5py 3.14.0 (HDF5 1.14.6), the last for Python 3.9, and so back to 3.8.0 (HDF5 1.12.2); not with 3.15.1:
#   dataset[...] = weights           382 of 1000000 halved, as 0.06249404 to 0.03125
#   dataset.write_direct(weights)    382 of 1000000 halved, as 0.06249404 to 0.03125
#   dataset.astype("float16")[...]   382 of 1000000 halved, as 0.06249404 to 0.03125
#   written as numpy's float16       0 of 1000000 halved
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for python in python3.9 ~/.pyenv/versions/3.9.*/bin/python; do
    "$python" -c "" 2>/dev/null && "$python" -m venv "$folder/env" && break
done
"$folder/env/bin/pip" install -q h5py==3.14.0 numpy==1.26.4
cd "$folder"
env/bin/python - <<'PYTHON'
import sys
import h5py
import numpy as np

weights = (np.random.RandomState(0).randn(1000000) * 0.05).astype(np.float32)
nearest = weights.astype(np.float16)
with h5py.File("weights.h5", "w") as file:
    wide = file.create_dataset("wide", data=weights)
    given = file.create_dataset("given", weights.shape, dtype="float16")
    given[...] = weights
    direct = file.create_dataset("direct", weights.shape, dtype="float16")
    direct.write_direct(weights)
    ready = file.create_dataset("ready", weights.shape, dtype="float16")
    ready[...] = nearest
    rows = [
        ("dataset[...] = weights", given[...], 382),
        ("dataset.write_direct(weights)", direct[...], 382),
        ('dataset.astype("float16")[...]', wide.astype("float16")[...], 382),
        ("written as numpy's float16", ready[...], 0),
    ]
print("h5py", h5py.__version__, "HDF5", h5py.version.hdf5_version)
wrong = []
for name, made, wanted in rows:
    halved = np.flatnonzero((made == nearest / 2) & (nearest != 0))
    example = ", as %.8f to %s" % (weights[halved[1]], made[halved[1]]) if len(halved) > 1 else ""
    print("%-32s %d of %d halved%s" % (name, len(halved), len(weights), example))
    wrong.append(len(halved) != wanted)
sys.exit("this is no longer so" if any(wrong) else 0)
PYTHON
