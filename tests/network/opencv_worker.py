"""Run nets with OpenCV: a JSON case a line on stdin (prototxt, weights, inputs.npz, out.npz).

The first output of every layer is written into out.npz under the layer's name, and the shapes
of all its outputs under ``<layer>:<number>``. Without weights, only the shapes.
"""

import json
import sys

import cv2
import numpy as np


def run(prototxt, weights, inputs, out):
    """Write all values of one net for one set of inputs."""
    net = cv2.dnn.readNetFromCaffe(prototxt, weights)
    net.enableWinograd(False)
    net.enableFusion(False)
    arrays = np.load(inputs)
    for name in arrays.files:
        net.setInput(arrays[name], name)
    names = [name for name in net.getLayerNames() if name != "_input"]
    values = dict(zip(names, net.forward(names))) if weights else {}
    shapes = [arrays[name].shape for name in arrays.files]
    ids, _, outputs = net.getLayersShapes(shapes if len(shapes) > 1 else shapes[0])
    for layer, found in zip(ids.ravel(), outputs):
        for number, shape in enumerate(found):
            values[f"{net.getLayer(int(layer)).name}:{number}"] = np.ravel(shape)
    np.savez(out, **values)


if __name__ == "__main__":
    for line in sys.stdin:
        run(*json.loads(line))
