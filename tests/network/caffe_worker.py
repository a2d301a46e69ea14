"""Load many nets with real pycaffe: a JSON case a line on stdin, a JSON answer a line on stdout.

Every case runs in a forked child, because Caffe ends the process when it refuses a net.
Runs on the interpreter that has pycaffe.
"""

import json
import os
import re
import sys
import tempfile

os.environ.update(GLOG_minloglevel="2")
import caffe
import numpy as np


def answer(case):
    """What Caffe says about one case; never returns if Caffe aborts."""
    phase = caffe.TRAIN if case.get("phase") == "TRAIN" else caffe.TEST
    arguments = {"level": case.get("level", 0), "stages": case.get("stages") or None}
    if case.get("weights"):
        arguments["weights"] = case["weights"]
    net = caffe.Net(case["prototxt"], phase, **arguments)
    found = {
        "layers": list(net._layer_names),
        "inputs": list(net.inputs),
        "outputs": list(net.outputs),
        "blobs": [[name, list(blob.shape)] for name, blob in net.blobs.items()],
        "params": {name: [list(b.shape) for b in blobs] for name, blobs in net.params.items()},
    }
    if case.get("forward"):
        random = np.random.RandomState(case["forward"])
        feed = {name: np.load(path) for name, path in case.get("feed", {}).items()}
        for name in net.inputs:
            if name in feed:
                net.blobs[name].reshape(*feed[name].shape)
        net.reshape()
        for name in net.inputs:
            made = random.rand(*net.blobs[name].shape)
            net.blobs[name].data[...] = feed.get(name, made)
        net.forward()
        folder = case.get("keep")
        if folder:
            for number, blob in enumerate(net.blobs.values()):
                np.save(os.path.join(folder, f"{number}.npy"), blob.data)
    return found


def run(case):
    """The answer for one case, or how Caffe died."""
    with tempfile.TemporaryFile() as log, tempfile.TemporaryFile() as out:
        child = os.fork()
        if child == 0:
            os.dup2(log.fileno(), 2)
            try:
                out.write(json.dumps(answer(case)).encode())
                out.flush()
            except BaseException as error:
                out.write(json.dumps({"error": repr(error)}).encode())
                out.flush()
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        out.seek(0)
        log.seek(0)
        text = out.read().decode()
        if text and status == 0:
            return json.loads(text)
        fatal = re.findall(r"^F[^\]]*\] (.*)$", log.read().decode("latin-1"), re.MULTILINE)
        return {"error": fatal[0] if fatal else f"died with status {status}"}


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(run(json.loads(line))) + "\n")
        answers.flush()
