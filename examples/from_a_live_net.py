"""Take the weights of a net that is open in pycaffe. Run it in a Python that has caffe."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("GLOG_minloglevel", "2")

import caffe

import netsurgery as ns

DIGITS = Path(__file__).parent / "digits"


def main(folder: str) -> None:
    net = caffe.Net(str(DIGITS / "deploy.prototxt"), str(DIGITS / "digits.caffemodel"), caffe.TEST)
    net.params["fc5"][1].data[...] += 1  # whatever happened to it since it was loaded

    model = ns.from_pycaffe(net, DIGITS / "deploy.prototxt")
    smaller = ns.apply(model, ns.Plan((ns.Edit("fc3", "svd", {"rank": 16}),)))
    prototxt, weights = smaller.save(folder)

    again = caffe.Net(str(prototxt), str(weights), caffe.TEST)
    print(again.params["fc3_L"][0].data.shape, again.params["fc3_U"][0].data.shape)
    print("bias kept:", bool((again.params["fc5"][1].data == net.params["fc5"][1].data).all()))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "compressed")
