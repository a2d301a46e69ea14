# mypy: allow-untyped-defs
# ruff: noqa: UP004
"""Runs one net in real pycaffe. Needs Python 2.7 or later, numpy and caffe, nothing else.

Keeps to the calls that pycaffe and its forks have had since 2015.
"""

import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import channel  # noqa: E402

# A module of the user's must not meet ours under the same name.
sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or os.curdir) != HERE]

# An answer for a gradient that Caffe did not compute; no real one is this number everywhere.
UNTOUCHED = -1.2345e30

# Layers that may make something else each time.
UNSTEADY = ("Data", "DummyData", "HDF5Data", "ImageData", "MemoryData", "Python", "WindowData")


def native(text):
    """Return ``text`` as the ``str`` that this Python's pycaffe takes."""
    return text if isinstance(text, str) else text.encode("utf-8")


def shape_of(blob):
    """Return the shape of a pycaffe blob as a list of int."""
    return [int(size) for size in blob.data.shape]


def use(caffe, gpu):
    """Have Caffe run on the GPU of that number; None: on the CPU, where it runs by itself."""
    if gpu is not None:
        caffe.set_device(gpu)
        caffe.set_mode_gpu()


class CaffeWorker(object):
    """What the parent can ask for; see ``netsurgery.engine.caffe.CaffeSession``."""

    def probe(self, arrays, gpu=None):
        """Import caffe, and say which one it is and which layer types it knows."""
        import caffe

        use(caffe, gpu)
        types = [str(name) for name in getattr(caffe, "layer_type_list", list)()]
        version = str(getattr(caffe, "__version__", "unknown"))
        return {"version": version, "where": os.path.dirname(caffe.__file__), "types": types}, []

    def open(self, arrays, prototxt, weights, phase, gpu=None):
        """Build the net, load its weights and list its blobs."""
        import caffe

        use(caffe, gpu)
        # Not both in memory: what was open may be as large.
        self.net = None
        self.net = caffe.Net(native(prototxt), getattr(caffe, native(phase)))
        if weights:
            self.net.copy_from(native(weights))
        self._done, self._fed = -1, {}
        self._steady = phase == "TEST" and self._repeats_itself()
        return {
            "inputs": list(self.net.inputs),
            "outputs": list(self.net.outputs),
            "blobs": [[name, shape_of(blob)] for name, blob in self.net.blobs.items()],
            "parameters": [
                [name, [shape_of(blob) for blob in blobs]]
                for name, blobs in self.net.params.items()
            ],
        }, []

    def forward(self, arrays, inputs, blobs, is_cut):
        """Fill the inputs, reshape the net to them, run it and return blobs' data.

        ``inputs`` is None where they are those of the last time. ``arrays`` has the inputs, then
        positions for each blob of which ``is_cut`` says that it is to be cut to some.
        """
        count = len(inputs or ())
        self._fill(inputs, arrays[:count])
        self._run_up_to(blobs)
        found = [self.net.blobs[native(name)].data for name in blobs]
        return {}, channel.answer_with(found, is_cut, arrays[count:])

    def _run_up_to(self, names):
        """Run what has not run yet of what makes these blobs; a Caffe before 2016 runs it all."""
        tops = getattr(self.net, "top_names", {})
        made = [index for index, of in enumerate(tops.values()) if set(of) & set(names)]
        if not self._steady:
            self._done = -1
        if made and len(tops) == len(self.net.layers):
            self._run(max(made))
        else:
            self.net.forward()
            self._done = len(self.net.layers) - 1

    def _run(self, last):
        if last > self._done:
            self.net._forward(self._done + 1, last)
            self._done = last

    def _repeats_itself(self):
        """Whether what a layer made can be made again from its bottoms, which are still there."""
        bottoms, tops = (getattr(self.net, of + "_names", {}) for of in ("bottom", "top"))
        if not len(bottoms) == len(tops) == len(self.net.layers):
            return False
        if any(str(layer.type) in UNSTEADY for layer in self.net.layers):
            return False
        return not any(set(bottoms[name]) & set(tops[name]) for name in tops)

    def backward(self, arrays, diffs, blobs):
        """Set the diffs of outputs, run backward and return blobs' diffs."""
        self._run(len(self.net.layers) - 1)
        for name in blobs:
            self.net.blobs[native(name)].diff[...] = UNTOUCHED
        for name in self.net.outputs:
            self.net.blobs[name].diff[...] = 0
        for name, diff in zip(diffs, arrays):
            self.net.blobs[native(name)].diff[...] = diff
        self.net.backward()
        results = [self.net.blobs[native(name)].diff for name in blobs]
        untouched = [name for name, diff in zip(blobs, results) if (diff == UNTOUCHED).all()]
        return {"untouched": untouched}, results

    def forward_without(self, arrays, start, runs, blobs):
        """Run from a layer on once for each list of weights, with zeros in their place.

        ``runs`` has lists of (layer, index of blob); ``arrays`` the flat indices for each of them.
        """
        arrays = iter(arrays)
        results = [[] for _ in blobs]
        self._done = -1
        for run in runs:
            flat = [self.net.params[native(name)][index].data.reshape(-1) for name, index in run]
            places = [next(arrays) for _ in run]
            # All are read before one is changed: layers may share their weights.
            kept = [weights[place] for weights, place in zip(flat, places)]
            for weights, place in zip(flat, places):
                weights[place] = 0
            self.net.forward(start=native(start))
            for found, name in zip(results, blobs):
                found.append(self.net.blobs[native(name)].data.copy())
            for weights, place, old in zip(flat, places, kept):
                weights[place] = old
        return {}, [np.stack(found) for found in results]

    def time(self, arrays, inputs, repeats):
        """Return the seconds of ``repeats`` forward passes, after one that does not count."""
        self._fill(inputs, arrays)
        self._done = -1
        return {"seconds": channel.seconds_of(self.net.forward, repeats)}, []

    def parameters(self, arrays):
        """Return the arrays of every layer that has some."""
        layers = [[name, len(blobs)] for name, blobs in self.net.params.items()]
        return {"layers": layers}, [b.data for blobs in self.net.params.values() for b in blobs]

    def set_parameters(self, arrays, places):
        """Overwrite numbers of layers, each from a place: (layer, index of its array, start)."""
        changed = [self.net.params[native(name)][index] for name, index, _ in places]
        for blob, (_, _, start), values in zip(changed, places, arrays):
            blob.data.reshape(-1)[start : start + values.size] = values
        self._done = min(self._done, self._first_with(changed) - 1)
        return {}, []

    def forget(self):
        """Take nothing for known that was computed: weights were changed from outside."""
        self._done = -1

    def _first_with(self, blobs):
        """Return the number of the first layer that has one of these, of its own or shared."""
        places = {blob.data.ctypes.data for blob in blobs}
        for number, name in enumerate(self.net._layer_names):
            own = self.net.params.get(name, ())
            if any(blob.data.ctypes.data in places for blob in own):
                return number
        return 0

    def save(self, arrays, path, hdf5):
        """Write the weights with Caffe's own writer."""
        (self.net.save_hdf5 if hdf5 else self.net.save)(native(path))
        return {}, []

    def _fill(self, names, arrays):
        if names is not None and not self._is_fed(names, arrays):
            self._done, self._fed = -1, dict(zip(names, arrays))
        elif self._steady:
            return
        blobs = [self.net.blobs[native(name)] for name in self._fed]
        arrays = list(self._fed.values())
        if any(blob.data.shape != array.shape for blob, array in zip(blobs, arrays)):
            for blob, array in zip(blobs, arrays):
                blob.reshape(*array.shape)
            self.net.reshape()
        for blob, array in zip(blobs, arrays):
            blob.data[...] = array

    def _is_fed(self, names, arrays):
        known = [self._fed.get(name) for name in names]
        return len(known) == len(self._fed) and all(map(np.array_equal, known, arrays))


if __name__ == "__main__":
    channel.serve(CaffeWorker())
