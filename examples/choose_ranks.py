"""Look at the singular values of each layer before deciding anything."""

from __future__ import annotations

from pathlib import Path

import netsurgery as ns
from netsurgery.linalg.svd import breakeven_rank, kept_energy, rank_for_energy
from netsurgery.methods import low_rank_method
from netsurgery.planning.low_rank import candidates

DIGITS = Path(__file__).parent / "digits"


def main() -> None:
    model = ns.load(DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel")
    svd = low_rank_method("svd")
    for name, _ in candidates(model, [svd]):
        costs = svd.tradeoff(model, name)
        (values,) = costs.energies.spectra
        limit = breakeven_rank(*costs.shape)
        print(
            f"{name}: {costs.shape[0]}x{costs.shape[1]}, saves up to rank {limit}, which keeps "
            f"{kept_energy(values, limit):.3f} of the energy; 0.9 needs "
            f"{rank_for_energy(values, 0.9)}"
        )


if __name__ == "__main__":
    main()
