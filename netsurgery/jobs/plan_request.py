"""Requests for plans: by rules, within a budget, or for one budget after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Optional, Sequence

from netsurgery.budgets import BudgetRequest
from netsurgery.jobs.layer_rules import Rules
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.requests import BudgetedRequest

PAIR_SUFFIXES = ("_L", "_U")


@dataclass(frozen=True)
class PlanRequest(BudgetedRequest):
    """Which layers to make smaller, by rules or within a budget, and how.

    Attributes:
        rank: Rule: ranks, or shares of full ranks, by layer: ``{"fc6": 1024, "fc*": "25%"}``; or
            ``"evbmf"``, what stands out of noise.
        energy: Rule: the smallest rank that keeps this share of the sum of squared singular
            values, for all layers or by layer.
        error: Rule: the smallest rank whose weights are within this relative error.
        keep: Layers to leave alone, by name, glob or type.
        fold_batchnorm: First fold every BatchNorm, Scale and Bias, exactly, into the layer beside
            it.
        allow_growth: Take ranks that make a layer bigger.
        method: For rules, how to factor; see `LowRankRequest`.
        fit: For rules, for what svd and channel_svd are best: ``"none"`` (the weights), or with
            inputs ``"data"``, ``"asymmetric"`` or ``"relu"``.
        methods: For a budget, what to choose among, also ``"thin"`` and ``"fold_batchnorm"``; by
            default every other low-rank method but cp, tensor_train, trifactor, trifactor_pair and
            kernel_ridge; not shared_factor, which rewrites two layers.
        score: For a budget, what tells a form's loss: ``"energy"``, ``"output"``, ``"effect"`` or
            ``"metric"``; see `BudgetRequest`.
        metric: For that score: ``"module:function"``, or a shell command.
        rois: For a budget, number of regions of interest that MACs are counted with.
        multiple: For a budget, of what ranks and numbers of channels are multiples.
        time_limit: For a budget, seconds, about, to look for the best selection of forms in; see
            `BudgetRequest`.
        refit: For a budget with inputs, fit every layer behind the first change to the original.
        split: Where singular values go: into the first layer of a pair (``"first"``, the default),
            or half and half (``"sqrt"``, the default for a net that is to be trained on).
        suffixes: Of the names of a pair; three where there are three layers, four of cp.
        templates: A folder with templates of the caller's own for new layers.
        recipe: A way that is known from a paper, by its name; see `netsurgery.jobs.known_recipes`.
            What else is given goes before it.
    """

    rank: Rules = ()
    energy: Rules = ()
    error: Rules = ()
    keep: Sequence[str] = ()
    fold_batchnorm: bool = False
    allow_growth: bool = False
    method: Optional[str] = None
    fit: Optional[str] = None
    methods: Sequence[str] = ()
    score: Optional[str] = None
    metric: Optional[str] = None
    rois: Optional[int] = None
    multiple: int = 1
    time_limit: float = BudgetRequest.time_limit
    refit: bool = True
    split: Optional[str] = None
    suffixes: Sequence[str] = PAIR_SUFFIXES
    templates: Optional[PathLike] = None
    recipe: Optional[str] = None

    recipes = "compress"

    @property
    def usual_split(self) -> Optional[str]:
        """Where singular values go if nobody says; None for where methods put them."""
        return None

    @property
    def is_budgeted(self) -> bool:
        """Whether the plan keeps to a budget, and not to rules."""
        return self.searched is not None

    def recipe_settings(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the settings of a recipe are: a budget chooses ranks of its method."""
        if not self.is_budgeted or "method" not in settings:
            return settings
        others = {name: value for name, value in settings.items() if name != "method"}
        return {"methods": (settings["method"],), **others}


@dataclass(frozen=True)
class SweepRequest(PlanRequest):
    """Budgets to plan for, one after another, beside what a plan is asked for.

    Attributes:
        sweep: Shares of what the net costs, rising.
        currency: Of which cost: ``"macs"``, ``"params"``, ``"bytes"`` or ``"latency"``.
        measured: How many of the plans are carried out and measured; predictions for the others
            are corrected by these. All if None.
    """

    sweep: Sequence[float] = ()
    currency: str = "macs"
    measured: Optional[int] = None

    @property
    def is_budgeted(self) -> bool:
        """Whether plans keep to budgets, and not to rules."""
        return bool(self.sweep) or super().is_budgeted
