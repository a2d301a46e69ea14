# mypy: allow-untyped-defs
# ruff: noqa: UP004, UP032
"""Trains one net with a solver of real pycaffe. Needs Python 2.7 or later, numpy and caffe.

Caffe's own solver does every step. What is ours happens between its parts: before the first layer
runs, the next batch is put into the inputs; between the last backward pass and the update,
gradients are masked. With the weight, its gradient and its history at zero, each of Caffe's six
solvers leaves all of them there, with either weight decay and with clipped gradients.
"""

import json
import os
import shutil
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import channel  # noqa: E402
import solver_state  # noqa: E402
from caffe_worker import UNSTEADY, CaffeWorker, native, shape_of, use  # noqa: E402

sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or os.curdir) != HERE]

STATE, WEIGHTS, REST = "state.solverstate", "weights.caffemodel", "rest.json"


class CaffeTrainer(object):
    """What the parent can ask for; see ``netsurgery.engine.caffe_training``."""

    def open(
        self, arrays, solver, prefix, test, weights, losses, watched, seed, multistep, gpu=None
    ):
        """Make the solver, load the weights and list the parameters.

        ``losses`` are pairs of a blob and its weight; ``multistep`` is a factor and the iterations
        at which it comes to the rate, or None for another policy; snapshots start with ``prefix``.
        """
        import caffe

        use(caffe, gpu)
        lacks = self._make(caffe, native(solver))
        if lacks:
            return {"lacks": lacks}, []
        self.net.copy_from(native(weights))
        self._tester = None
        self._prefix, self._seed, self._multistep = native(prefix), seed, multistep
        self._find_parameters()
        self._losses = [weight for _, weight in losses]
        names = [native(name) for name in [name for name, _ in losses] + watched]
        untold = self._untold(names, names[len(losses) :])
        if untold:
            return untold, []
        self._watched = [self.net.blobs[name] for name in names]
        self._fed = self._find_inputs()
        self._inputs = [self.net.blobs[name] for name in self._fed]
        self._batches = iter(())
        self._forget_masks()
        self.net.before_forward(self._before_layer)
        self.solver.add_callback(self._on_start, self._on_gradients_ready)
        return dict(self._described(), test=self._open_test(test, weights, gpu)), []

    def _make(self, caffe, path):
        """Make the solver; return what this Caffe lacks for training from outside, or ""."""
        if not hasattr(caffe, "get_solver"):
            return "get_solver"
        self.solver = caffe.get_solver(path)
        self.net = self.solver.net
        self._reseed = getattr(caffe, "set_random_seed", None)
        for owner, name, called in (
            (self.solver, "add_callback", "Solver.add_callback"),
            (self.net, "before_forward", "Net.before_forward"),
        ):
            if not hasattr(owner, name):
                return called
        return ""

    def _untold(self, names, single):
        """Return which blobs are not there, and which of ``single`` have many numbers."""
        blobs = self.net.blobs
        unknown = [name for name in names if name not in blobs]
        large = [name for name in single if name in blobs and blobs[name].data.size > 1]
        return {"unknown": unknown, "large": large} if unknown or large else {}

    def _find_inputs(self):
        """Return the blobs that are fed; some forks call what data layers read inputs too."""
        tops = getattr(self.net, "top_names", {})
        own = set()
        for name, layer in zip(self.net._layer_names, self.net.layers):
            if str(layer.type) in UNSTEADY:
                own.update(tops.get(name, ()))
        return [str(name) for name in self.net.inputs if name not in own]

    def _find_parameters(self):
        """Number the parameters as the solver does: in the order of the net, each shared one once.

        ``_parameters`` are their blobs; ``_owner`` says which number a blob has, by the first
        layer, and its index, that holds it.
        """
        numbers, self._parameters = {}, []
        for layer in self.net.layers:  # all of them, also two of one name
            for blob in layer.blobs:
                if numbers.setdefault(blob.data.ctypes.data, len(numbers)) == len(self._parameters):
                    self._parameters.append(blob)
        first = {}
        for name, blobs in self.net.params.items():
            for index, blob in enumerate(blobs):
                first.setdefault(numbers[blob.data.ctypes.data], (name, index))
        self._owner = {place: number for number, place in first.items()}

    def _described(self):
        owners = {name for name, _ in self._owner}
        return {
            "lacks": "",
            "inputs": [[name, shape_of(self.net.blobs[name])] for name in self._fed],
            "parameters": [
                [name, [shape_of(blob) for blob in blobs]]
                for name, blobs in self.net.params.items()
                if name in owners
            ],
            "borrowed": [
                [name, index]
                for name, blobs in self.net.params.items()
                for index in range(len(blobs))
                if name in owners and (name, index) not in self._owner
            ],
            "seeds": self._reseed is not None,
            "iterations": int(self.solver.iter),
        }

    def _open_test(self, test, weights, gpu):
        """Open the test net on the weights of the one that is trained: both use the same memory."""
        if test is None:
            return None
        self._tester = CaffeWorker()
        answer, _ = self._tester.open([], test, weights, "TEST", gpu)
        self._tester.net.share_with(self.net)
        return answer

    def _forget_masks(self):
        self._held, self._dynamic = {}, {}

    def step(self, arrays, iterations):
        """Do iterations on ``arrays``: the inputs of the first batch, of the second, and so on."""
        count = len(self._inputs)
        self._batches = iter([arrays[at : at + count] for at in range(0, len(arrays), count or 1)])
        self._step_losses, self._rates = [], []
        self.solver.step(iterations)
        self._batches = iter(())
        return {"iterations": int(self.solver.iter)}, [
            np.array(self._step_losses).reshape(iterations, -1),
            np.array([self._total(sums) for sums in self._step_losses]),
            np.array(self._rates),
        ]

    def _total(self, sums):
        return sum(weight * value for weight, value in zip(self._losses, sums))

    def _on_start(self):
        if self._reseed:
            self._reseed((self._seed * 1000003 + int(self.solver.iter)) % 2**31)
        self._put_masked()
        self._sums, self._passes = np.zeros(len(self._watched)), 0

    def _before_layer(self, number):
        if number == 0:
            self._add_losses()
            for blob, array in zip(self._inputs, next(self._batches) if self._inputs else ()):
                blob.data[...] = array

    def _add_losses(self):
        """Note what the pass before this one gave; there is none before the first."""
        if self._passes:
            self._sums += [blob.data.sum(dtype=np.float64) for blob in self._watched]
        self._passes += 1

    def _on_gradients_ready(self):
        self._add_losses()
        self._step_losses.append(self._sums / (self._passes - 1))
        self._rates.append(self._rate())
        self._put_dense()
        for blob, mask in self._held.values():
            diff = blob.diff
            np.multiply(diff, mask, out=diff)

    def _rate(self):
        """Return the rate of this iteration.

        Caffe's own answer moves its count of steps on, which is to be at the update alone.
        """
        if self._multistep is None:
            return getattr(self.solver, "lr", np.nan)
        passed = sum(at <= self.solver.iter for at in self._multistep[1:])
        return getattr(self.solver.param, "base_lr", np.nan) * self._multistep[0] ** passed

    def _put_masked(self):
        """Have the net run with what dynamic masks leave open."""
        for blob, mask, dense in self._dynamic.values():
            np.copyto(dense, blob.data)
            np.multiply(dense, mask, out=blob.data)

    def _put_dense(self):
        for blob, _, dense in self._dynamic.values():
            np.copyto(blob.data, dense)

    def parameters(self, arrays, layers, hidden):
        """Return the arrays of layers, where they are open or, ``hidden``, all."""
        if not hidden:
            self._put_masked()
        found = [blob.data.copy() for name in layers for blob in self.net.params[native(name)]]
        if not hidden:
            self._put_dense()
        return {"counts": [len(self.net.params[native(name)]) for name in layers]}, found

    def set_parameters(self, arrays, places):
        """Overwrite numbers of layers, each from a place: (layer, index of its array, start)."""
        for (name, index, start), values in zip(places, arrays):
            flat = self.net.params[native(name)][index].data.reshape(-1)
            flat[start : start + values.size] = values
        self._close_held()
        return {}, []

    def _close_held(self):
        for blob, mask in self._held.values():
            blob.data[mask == 0] = 0

    def set_masks(self, arrays, keys, dynamic):
        """Hold the weights where the masks in ``arrays`` are False, or have them run as zeros."""
        before = self._held
        self._forget_masks()
        closing = {}
        for (name, index), mask in zip(keys, arrays):
            number = self._owner[native(name), index]
            blob = self._parameters[number]
            if dynamic:
                self._dynamic[number] = blob, mask.astype(np.float32), np.empty_like(blob.data)
                continue
            self._held[number] = blob, mask.astype(np.float32)
            old = before[number][1] if number in before else np.ones_like(mask)
            closes = ~mask & (old != 0)
            if closes.any():
                closing[number] = closes.reshape(-1)
        if closing and self.solver.iter > 0:
            self._forget_history(closing)
        self._close_held()
        return {}, []

    def _forget_history(self, places):
        """Set what the solver remembers of weights to zero, in a state that it reads again."""
        weights, state = self._snapshot()
        solver_state.zero(state, len(self._parameters), places)
        self.solver.restore(state)
        os.remove(state)
        os.remove(weights)

    def _snapshot(self):
        self.solver.snapshot()
        path = "{}_iter_{}".format(self._prefix, int(self.solver.iter))
        return path + ".caffemodel", path + ".solverstate"

    def set_rate(self, arrays, base):
        """Set the base rate; says whether this Caffe took it."""
        try:
            self.solver.param.base_lr = base
        except AttributeError:
            return {"taken": False}, []
        taken = np.float32(getattr(self.solver.param, "base_lr", np.nan)) == np.float32(base)
        return {"taken": bool(taken)}, []

    def evaluate(self, arrays, inputs, blobs):
        """Run the test net and return blobs."""
        self._put_masked()
        self._tester.forget()
        answer = self._tester.forward(arrays, inputs, blobs, [False] * len(blobs))
        self._put_dense()
        return answer

    def save_state(self, arrays, folder):
        """Write the weights, what the solver remembers, and the base rate."""
        weights, state = self._snapshot()
        shutil.move(weights, os.path.join(folder, WEIGHTS))
        solver_state.without_weights_file(state, os.path.join(folder, STATE))
        os.remove(state)
        with open(os.path.join(folder, REST), "w") as stream:
            json.dump({"base_lr": getattr(self.solver.param, "base_lr", None)}, stream)
        return {}, []

    def restore_state(self, arrays, folder):
        """Read all that again; masks are gone."""
        self._forget_masks()
        self.solver.restore(native(os.path.join(folder, STATE)))
        self.net.copy_from(native(os.path.join(folder, WEIGHTS)))
        with open(os.path.join(folder, REST)) as stream:
            base = json.load(stream)["base_lr"]
        if base is not None and base != self.solver.param.base_lr:
            self.solver.param.base_lr = base
        return {"iterations": int(self.solver.iter)}, []


if __name__ == "__main__":
    channel.serve(CaffeTrainer())
