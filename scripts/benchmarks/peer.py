"""The peer: the job of Fast R-CNN's compress_net.py, done the same way with real pycaffe.

Runs by itself, on any Python that has pycaffe (2.7 to 3.9). Arguments: the full net's prototxt
and weights, the compressed net's prototxt, the file to write, and layer=rank for each layer.
Prints the seconds of each step as JSON.
"""

import json
import sys
import time

import caffe
import numpy as np


def main(prototxt, weights, prototxt_svd, output, *ranks):
    seconds = {}
    start = time.time()
    net = caffe.Net(prototxt, weights, caffe.TEST)
    net_svd = caffe.Net(prototxt_svd, weights, caffe.TEST)
    seconds["load"] = time.time() - start
    for layer, rank in (word.split("=") for word in ranks):
        start = time.time()
        factor(net.params[layer], net_svd.params, layer, int(rank))
        seconds[layer] = time.time() - start
    start = time.time()
    net_svd.save(output)
    seconds["save"] = time.time() - start
    print(json.dumps({"seconds": seconds}))


def factor(blobs, blobs_svd, layer, rank):
    left, values, right = np.linalg.svd(blobs[0].data, full_matrices=False)
    blobs_svd[layer + "_L"][0].data[...] = np.dot(np.diag(values[:rank]), right[:rank])
    blobs_svd[layer + "_U"][0].data[...] = left[:, :rank]
    blobs_svd[layer + "_U"][1].data[...] = blobs[1].data


if __name__ == "__main__":
    main(*sys.argv[1:])
