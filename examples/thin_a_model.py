"""Thin the example net to half its multiplications, and see what that did to its answers.

python examples/thin_a_model.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import netsurgery as ns

DIGITS = Path(__file__).parent / "digits"

model = ns.load(DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel")
request = ns.ThinRequest(
    budget=ns.Budget(macs=0.5),
    calibrate=DIGITS / "train.npz",
    inputs=DIGITS / "held_out.npz",
)
with tempfile.TemporaryDirectory() as folder:
    done = ns.thin(model, request, folder)
for edit in done.plan.edits:
    print(edit.method, edit.layer, *(edit.predicted.channels or ()))
assert done, done.reasons
before, after = (cost.macs for cost in done.costs)
assert done.effect is not None
assert done.effect.accuracy is not None
print(f"{after / before:.1%} of the MACs, accuracy {done.effect.accuracy.after:.4f}")
