"""Halve the rank of every InnerProduct layer, save the pair, and see what it costs."""

from __future__ import annotations

import sys
from pathlib import Path

import netsurgery as ns

DIGITS = Path(__file__).parent / "digits"


def main(folder: str) -> None:
    model = ns.load(DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel")
    plan = ns.Plan(
        (
            ns.Edit("fc3", "svd", {"rank": 16}),
            ns.Edit("fc4", "svd", {"rank": 16, "split": "sqrt"}),
        )
    )
    smaller = ns.apply(model, plan)
    for path in smaller.save(folder):
        print(f"{path.name}: {path.stat().st_size} bytes")

    # The untouched part of the text is the same to the byte.
    print(bytes(smaller.prototxt).decode().splitlines()[0])

    # Both nets run in an engine, in processes of their own, on random inputs.
    result = ns.verify(model, smaller, ns.VerifyRequest(count=16, max_error=0.5))
    print("passed" if result else "failed", f"with an error of {result.error:.3f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "compressed")
