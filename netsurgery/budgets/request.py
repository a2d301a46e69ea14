"""What a user asks of a plan that keeps to a budget."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from netsurgery.budgets.costs import BYTES, CURRENCIES, LATENCY, MACS, PARAMS, Cost
from netsurgery.calibration import EngineLike
from netsurgery.errors import PlanError, Remedy
from netsurgery.methods import METHODS, LowRankMethod, low_rank_method, low_rank_names
from netsurgery.planning import how_to_say

DEFAULT_METHODS = (
    *("svd", "channel_svd", "input_svd", "spatial_svd", "tucker", "spatial_channel_svd"),
)
THIN, FOLD = "thin", "fold_batchnorm"
SCORES = ("energy", "output", "effect", "metric")


@dataclass(frozen=True)
class Budget:
    """What may be left of a net.

    Attributes:
        macs: Share of its multiply-accumulates.
        params: Share of its parameters.
        bytes: Size of the weights file, or its share if at most 1.
        latency: Share of its time, as measured layer by layer.

    Raises:
        PlanError: A share is not between 0 and 1, or there is none.
    """

    macs: Optional[float] = None
    params: Optional[float] = None
    bytes: Optional[float] = None
    latency: Optional[float] = None

    def __post_init__(self) -> None:
        shares = {name: value for name, value in self.given.items() if name != BYTES}
        if not self.given:
            raise PlanError(
                "there is no budget", remedy=Remedy("give {}, {}, {} or {}", *CURRENCIES)
            )
        for name, share in shares.items():
            if not 0 < share <= 1:
                problem = f"{name} {share:g} is no share"
                raise PlanError(problem, remedy=how_to_say(share))
        if self.bytes is not None and self.bytes <= 0:
            raise PlanError(f"bytes {self.bytes:g} is no size")

    @property
    def given(self) -> Cost:
        """The budgets that there are, by name."""
        own = {MACS: self.macs, PARAMS: self.params, BYTES: self.bytes, LATENCY: self.latency}
        return {name: value for name, value in own.items() if value is not None}

    def limits(self, total: Mapping[str, float]) -> Cost:
        """Return what may be spent, given what the net costs now."""
        return {
            name: value if name == BYTES and value > 1 else value * total[name]
            for name, value in self.given.items()
        }


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

    def __post_init__(self) -> None:
        if self.score is not None and self.score not in SCORES:
            problem = f"there is no score {self.score!r}"
            raise PlanError(problem, remedy=f"choose among {', '.join(SCORES)}")
        if self.metric is not None and self.score != "metric":
            problem = "a metric is given, but it is not what forms are scored by"
            raise PlanError(problem, remedy=Remedy("give metric as {}, or leave it out", "score"))
        if self.multiple < 1:
            raise PlanError(f"ranks cannot be multiples of {self.multiple}, only of 1 or more")
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
        return tuple(low_rank_method(name) for name in names)

    def chosen_score(self, inputs: bool) -> str:
        """Return the name of the score.

        Raises:
            PlanError: It needs inputs, and there are none.
        """
        name = self.score or ("effect" if inputs else "energy")
        if name in ("output", "effect") and not inputs:
            raise PlanError(
                f"score {name} needs inputs", remedy=Remedy("give some with {}", "calibrator")
            )
        return name

    def edit_options(self, chosen: LowRankMethod) -> Dict[str, Any]:
        """Return those of the options that a method takes."""
        fitting = {name: value for name, value in self.options.items() if name in chosen.options}
        if len(fitting.get("suffixes", ())) != chosen.length:
            fitting.pop("suffixes", None)
        return fitting
