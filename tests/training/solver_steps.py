"""Run by the Python of a real Caffe: some steps of a solver, and the weights before and after.

Arguments: the solver, a caffemodel or "", the number of steps, an .npz of what is fed (or ""), and
the .npz to write: ``LAYER/INDEX`` after the steps, ``loss`` of each step.
"""

import sys

import caffe
import numpy as np


def main(solver, weights, steps, fed, out):
    caffe.set_mode_cpu()
    solver = caffe.get_solver(solver)
    net = solver.net
    if weights:
        net.copy_from(weights)
    arrays = dict(np.load(fed)) if fed else {}
    losses = []
    for _ in range(int(steps)):
        for name, array in arrays.items():
            net.blobs[name].data[...] = array
        solver.step(1)
        found = net.blob_loss_weights
        losses.append(sum(net.blobs[name].data.sum() * found[name] for name in net.outputs))
    arrays = {
        name.replace("/", "|") + "/" + str(index): blob.data
        for name, blobs in net.params.items()
        for index, blob in enumerate(blobs)
    }
    np.savez(out, loss=np.array(losses), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
