"""What real Caffe holds after loading weights: a JSON case a line on stdin, an answer on stdout.

Every case runs in a forked child, because Caffe ends the process when it refuses a file.
Runs on the interpreter that has pycaffe.
"""

import json
import os
import sys

os.environ["GLOG_minloglevel"] = "2"  # noqa: SIM112
import caffe
import numpy as np


def load(case):
    """Load a pair, keep its parameters in an .npz, save it again if that is asked for."""
    net = caffe.Net(case["prototxt"], case["weights"], caffe.TEST)
    arrays = {}
    for number, blobs in enumerate(net.params.values()):
        for index, blob in enumerate(blobs):
            arrays[f"{number} {index}"] = blob.data
    np.savez(case["out"], names=np.array(list(net.params)), **arrays)
    if case["save"].endswith(".h5"):
        net.save_hdf5(case["save"])
    elif case["save"]:
        net.save(case["save"])


for line in sys.stdin:
    child = os.fork()
    if not child:
        load(json.loads(line))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(json.dumps(status == 0))
    sys.stdout.flush()
