"""Print how many of the held-out digits a net gets right. Needs nothing but real Caffe.

python accuracy.py deploy.prototxt digits.caffemodel
"""

import os
import sys

import caffe
import numpy as np


def main(prototxt, weights):
    here = os.path.dirname(os.path.abspath(__file__))
    held_out = np.load(os.path.join(here, "held_out.npz"))
    net = caffe.Net(prototxt, caffe.TEST, weights=weights)
    net.blobs["data"].reshape(*held_out["data"].shape)
    net.blobs["data"].data[...] = held_out["data"]
    right = net.forward()["prob"].argmax(axis=1) == held_out["labels"]
    print(f"accuracy {right.mean():.4f} ({right.sum()} of {right.size})")


if __name__ == "__main__":
    main(*sys.argv[1:])
