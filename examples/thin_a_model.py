"""Thin the example net to half its multiplications, and see what that did to its answers.

python examples/thin_a_model.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import netsurgery as ns
from netsurgery.calibration import input_shapes, read_inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.costs import Budget
from netsurgery.planning import ThinRequest, plan_thin

DIGITS = Path(__file__).parent / "digits"

model = ns.load(DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel")
shapes = input_shapes(model.network())
calibrator = Calibrator(read_inputs([DIGITS / "train.npz"], shapes))
plan = plan_thin(model, ThinRequest(budget=Budget(macs=0.5)), calibrator)
for edit in plan.edits:
    print(edit.method, edit.layer, *(edit.predicted.channels or ()))

proof = ns.Proof(inputs=read_inputs([DIGITS / "held_out.npz"], shapes))
with tempfile.TemporaryDirectory() as folder:
    done = ns.compress(model, plan, folder, proof, calibrator=calibrator)
assert done, done.reasons
before, after = (cost.macs for cost in done.costs)
assert done.effect is not None
assert done.effect.accuracy is not None
print(f"{after / before:.1%} of the MACs, accuracy {done.effect.accuracy.after:.4f}")
