"""Tables and plots of nets pruned to many sparsities by many methods, once and then tuned."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from sparse import Case, SparseBench
from sparse_curves import SparseCurve, draw_sparse
from store import ROOT
from tuning import Recipe

METHODS = ("magnitude", "lamp", "obs", "obd", "taylor", "trifactor", "random")


class Sweep(NamedTuple):
    """A net at many sparsities, by each of `METHODS`.

    Attributes:
        net: Its name.
        sparsities: Shares of the weights that become zero, all at once.
        recipe: How it is tuned then.
    """

    net: str
    sparsities: Tuple[float, ...]
    recipe: Recipe

    @property
    def cases(self) -> List[Case]:
        """All of them, one sparsity after the other: 0.9 first, as it tells most."""
        ordered = sorted(self.sparsities, key=lambda one: one != 0.9)
        return [Case(self.net, method, one) for one in ordered for method in METHODS]

    def written(self, bench: SparseBench) -> List[str]:
        """Return lines of Markdown with what is known, and draw the plot that they show.

        Args:
            bench: Where it was measured.
        """
        recipe, original = self.recipe, figure(bench.original(self.net))
        return [
            f"### {self.net}",
            "",
            f"All at once, then {recipe.steps} steps of {recipe.batch} from rate {recipe.rate:g} "
            f"on: accuracy before and after. The original: {original}.",
            "",
            *self._table(bench),
            "",
            self._plot(bench),
            "",
        ]

    def _table(self, bench: SparseBench) -> List[str]:
        titles = ["method", *(f"{sparsity:g}" for sparsity in self.sparsities)]
        lines = [f"| {' | '.join(titles)} |", "|---|" + "---:|" * len(self.sparsities)]
        for method in METHODS:
            row = [method]
            for sparsity in self.sparsities:
                got = bench.known(Case(self.net, method, sparsity), self.recipe)
                row.append("-" if got is None else f"{got.before:.4f} → {got.after:.4f}")
            lines.append(f"| {' | '.join(row)} |")
        return lines

    def _plot(self, bench: SparseBench) -> str:
        """Draw the curves and return the line that shows them, if one has two points."""
        curves: Dict[str, SparseCurve] = {}
        for method in METHODS:
            cases = [Case(self.net, method, sparsity) for sparsity in self.sparsities]
            known = [(case, bench.known(case, self.recipe)) for case in cases]
            points = [(1 - case.sparsity, got.before, got.after) for case, got in known if got]
            if len(points) > 1:
                curves[method] = SparseCurve(points)
        original = bench.original(self.net)
        if original is None or not curves:
            return ""
        path = ROOT / "docs" / "images" / f"sparse-{self.net}.svg"
        draw_sparse(curves, self.net, original, path)
        return f"![what {self.net} tells wrong, by the weights left](images/{path.name})"


def figure(accuracy: Optional[float]) -> str:
    """Return an accuracy as tables have it."""
    return "-" if accuracy is None else f"{accuracy:.4f}"
