# mypy: allow-untyped-defs
"""Runs one net in OpenCV's dnn module. Needs numpy and cv2, nothing else."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import channel  # noqa: E402

sys.path.remove(HERE)


class OpenCvWorker:
    """What the parent can ask for; see ``netsurgery.engine.opencv.OpenCvSession``."""

    def probe(self, arrays):
        """Import cv2, and say which one it is and whether it can read Caffe models."""
        import cv2

        reads = hasattr(cv2.dnn, "readNetFromCaffe") and hasattr(cv2.dnn.Net, "enableWinograd")
        where = os.path.dirname(cv2.__file__)
        return {"version": cv2.__version__, "where": where, "reads_caffe": reads}, []

    def open(self, arrays, prototxt, weights, inputs, layers):
        """Read the net; find the shapes of the first outputs of ``layers``.

        Where the prototxt leaves an input's shape open, the other shapes stay open too.
        """
        import cv2

        # Not both in memory: what was open may be as large.
        self.net = None
        self.net = cv2.dnn.readNetFromCaffe(prototxt, weights)
        self.net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        self.net.setPreferableTarget(cv2.dnn.DNN_TARGET_CPU)
        self.net.enableFusion(False)
        self.net.enableWinograd(False)
        if not all(inputs):
            return {"shapes": [[] for _ in layers]}, []
        ids, _, outputs = self.net.getLayersShapes([tuple(shape) for shape in inputs])
        shapes = {int(index): found for index, found in zip(ids, outputs)}
        found = [shapes[self.net.getLayerId(name)] for name in layers]
        return {"shapes": [[int(size) for size in first[0]] for first in found]}, []

    def forward(self, arrays, inputs, layers, is_cut):
        """Run the net and return the first outputs of ``layers``.

        ``inputs`` is None where they are those of the last time. ``arrays`` has the inputs, then
        positions for each layer of which ``is_cut`` says that its output is to be cut to some.
        """
        if inputs is not None:
            self._fed = dict(zip(inputs, arrays))
            arrays = arrays[len(inputs) :]
        self._fill(self._fed, self._fed.values())
        found = self.net.forward(layers) if layers else []
        return {}, channel.answer_with(found, is_cut, arrays)

    def time(self, arrays, inputs, repeats):
        """Return the seconds of ``repeats`` forward passes, after one that does not count."""
        self._fill(inputs, arrays)
        return {"seconds": channel.seconds_of(self.net.forward, repeats)}, []

    def parameters(self, arrays):
        """Return the arrays of every layer that has some."""
        layers = [(name, self.net.getLayer(name).blobs) for name in self.net.getLayerNames()]
        layers = [(name, blobs) for name, blobs in layers if blobs]
        counts = [[name, len(blobs)] for name, blobs in layers]
        return {"layers": counts}, [blob for _, blobs in layers for blob in blobs]

    def _fill(self, names, arrays):
        for name, array in zip(names, arrays):
            self.net.setInput(array, name)


if __name__ == "__main__":
    channel.serve(OpenCvWorker())
