"""Run by the Python that has real Caffe: what data layers feed in some batches, as .npy."""

import json
import os
import sys

os.environ.update(GLOG_minloglevel="2")
import caffe
import numpy as np

with open(sys.argv[1]) as stream:
    jobs = json.load(stream)
for job in jobs:
    net = caffe.Net(job["prototxt"], getattr(caffe, job["phase"]))
    batches = []
    for _ in range(job["batches"]):
        net.forward()
        batches.append({name: blob.data.copy() for name, blob in net.blobs.items()})
    for name in batches[0]:
        whole = np.concatenate([batch[name] for batch in batches])
        np.save(os.path.join(job["folder"], name + ".npy"), whole)
