"""Write scikit-learn's digits beside this file, as Caffe's HDF5Data reads them and as npz.

1347 digits to train on and 450 held out, drawn with a fixed seed; 8x8 grey, scaled from the
original 0..16 to 0..1. Labels follow as one float each, which is what HDF5Data takes.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from sklearn.datasets import load_digits

HERE = Path(__file__).resolve().parent
HELD_OUT = 450


def write_hdf5(name: str, data: np.ndarray, labels: np.ndarray) -> None:
    """Write ``name``.h5, and ``name``.txt, the list of files that HDF5Data asks for."""
    with h5py.File(HERE / f"{name}.h5", "w") as file:
        file["data"] = data
        file["label"] = labels.astype(np.float32)
    (HERE / f"{name}.txt").write_text(f"{name}.h5\n")


def main() -> None:
    digits = load_digits()
    data = (digits.images[:, np.newaxis] / 16).astype(np.float32)
    order = np.random.RandomState(1).permutation(len(data))
    held_out, train = order[:HELD_OUT], order[HELD_OUT:]
    write_hdf5("train", data[train], digits.target[train])
    write_hdf5("held_out", data[held_out], digits.target[held_out])
    np.savez_compressed(HERE / "held_out.npz", data=data[held_out], labels=digits.target[held_out])
    np.savez_compressed(HERE / "train.npz", data=data[train], labels=digits.target[train])


if __name__ == "__main__":
    main()
