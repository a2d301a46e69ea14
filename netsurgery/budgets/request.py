"""What a user asks of a plan that keeps to a budget."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from netsurgery.costs import Budget
from netsurgery.engine import EngineLike
from netsurgery.errors import PlanError, Remedy
from netsurgery.methods import METHODS, LowRankMethod, low_rank_method, low_rank_names

DEFAULT_METHODS = (
    *("svd", "channel_svd", "input_svd", "spatial_svd", "tucker", "spatial_channel_svd"),
)
THIN, FOLD = "thin", "fold_batchnorm"
SCORES = ("energy", "output", "effect", "metric")


@dataclass(frozen=True)
class BudgetRequest:
    """What a user asks of a plan that keeps to a budget.

    Attributes:
        budget: What may be left of the net.
        methods: Names of the methods to choose among; ``"thin"`` may be one of them, and
            ``"fold_batchnorm"``, which is carried out first.
        score: What tells a form's loss: ``"energy"`` (of weights), ``"output"`` (of what layers
            make of calibration inputs), ``"effect"`` (the same, by how much of it arrives at the
            net's outputs) or ``"metric"``; by default the third where there are inputs and the
            first where there are none.
        metric: For that score, see `netsurgery.budgets.metric`.
        keep: Layers to leave alone, by name, glob or type.
        rois: Number of regions of interest that MACs are counted with.
        multiple: Of what all ranks and numbers of channels are to be multiples.
        refit: With inputs, fit every layer behind the first change to the original.
        options: Options for every low-rank edit that takes them, such as ``{"split": "sqrt"}``.
        notes: A file in which evaluations or times are kept, for the next run to go on from.
        engine: What times layers; by default what runs the inputs.
        seed: For what is random.
        time_limit: Seconds, about, to look for the best selection of forms in; what was found is
            then taken, and the plan says how far from the best it is at most. Work is counted
            rather than time, so that the same request gives the same plan.
    """

    budget: Budget
    methods: Sequence[str] = DEFAULT_METHODS
    score: Optional[str] = None
    metric: Optional[str] = None
    keep: Sequence[str] = ()
    rois: Optional[int] = None
    multiple: int = 1
    refit: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: Optional[str] = None
    engine: EngineLike = None
    seed: int = 0
    time_limit: float = 60.0

    def __post_init__(self) -> None:
        if self.score is not None and self.score not in SCORES:
            problem = f"there is no score {self.score!r}"
            raise PlanError(problem, remedy=f"choose among {', '.join(SCORES)}")
        if self.metric is not None and self.score != "metric":
            problem = "a metric is given, but it is not what forms are scored by"
            raise PlanError(problem, remedy=Remedy("give metric as {}, or leave it out", "score"))
        if self.multiple < 1:
            raise PlanError(f"ranks cannot be multiples of {self.multiple}, only of 1 or more")
        if not self.time_limit > 0:
            raise PlanError(f"{self.time_limit:g} seconds are no time to look for anything")
        self.low_rank()

    def low_rank(self) -> Tuple[LowRankMethod, ...]:
        """Return the methods that factor weights.

        Raises:
            PlanError: A method is unknown, or no way to make a layer cheaper; lists those that are.
        """
        names = [name for name in self.methods if name not in (THIN, FOLD)]
        for name in names:
            if not isinstance(METHODS.all().get(name), LowRankMethod):
                raise PlanError(
                    f"there is no method {name!r} with ranks to choose for a budget",
                    remedy=f"choose among {', '.join(sorted([*low_rank_names(), THIN, FOLD]))}",
                )
        found = tuple(low_rank_method(name) for name in names)
        for one in found:
            if one.joins:
                raise PlanError(
                    f"{one.name} rewrites layers together that a budget weighs one by one",
                    remedy=Remedy(
                        "order it by rules, with {} and {} or {}", "method", "rank", "energy"
                    ),
                )
        return found

    def chosen_score(self, inputs: bool) -> str:
        """Return the name of the score.

        Raises:
            PlanError: It needs inputs, and there are none.
        """
        name = self.score or ("effect" if inputs else "energy")
        if name in ("output", "effect") and not inputs:
            raise PlanError(
                f"score {name} needs inputs", remedy=Remedy("give some with {}", "calibrate")
            )
        return name

    def edit_options(self, chosen: LowRankMethod) -> Dict[str, Any]:
        """Return those of the options that a method takes."""
        fitting = {name: value for name, value in self.options.items() if name in chosen.options}
        if len(fitting.get("suffixes", ())) != chosen.length:
            fitting.pop("suffixes", None)
        return fitting
