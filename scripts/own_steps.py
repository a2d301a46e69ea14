"""Run by the Python that holds real Caffe: its own solver does steps of a net, fed by itself.

    own_steps.py TRAIN.prototxt SOLVER.prototxt NET.caffemodel DATA.h5 BATCH STEPS

The Input layers of the train net give way to Caffe's own HDF5Data layer, which reads what they
would be fed. SOLVER names no net yet.
"""

import os
import sys

import caffe
from caffe.proto import caffe_pb2
from google.protobuf import text_format


def main(train, solver, weights, data, batch, steps):
    net = caffe_pb2.NetParameter()
    with open(train) as stream:
        text_format.Merge(stream.read(), net)
    inputs = [layer for layer in net.layer if layer.type == "Input"]
    others = [layer for layer in net.layer if layer.type != "Input"]
    reader = caffe_pb2.LayerParameter(name="own_data", type="HDF5Data")
    reader.top.extend(top for layer in inputs for top in layer.top)
    reader.hdf5_data_param.source = data + ".txt"
    reader.hdf5_data_param.batch_size = int(batch)
    with open(data + ".txt", "w") as stream:
        stream.write(os.path.abspath(data) + "\n")
    del net.layer[:]
    net.layer.extend([reader] + others)
    own = train + ".own"
    with open(own, "w") as stream:
        stream.write(text_format.MessageToString(net))
    settings = caffe_pb2.SolverParameter()
    with open(solver) as stream:
        text_format.Merge(stream.read(), settings)
    settings.net, settings.max_iter, settings.random_seed = own, int(steps), 0
    settings.snapshot_after_train = False
    with open(solver + ".own", "w") as stream:
        stream.write(text_format.MessageToString(settings))
    running = caffe.get_solver(solver + ".own")
    running.net.copy_from(weights)
    running.solve()


if __name__ == "__main__":
    main(*sys.argv[1:])
