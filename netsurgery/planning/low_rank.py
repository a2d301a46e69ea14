"""The planner of low-rank edits: which layers, and at which rank, from a user's rules."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from operator import itemgetter
from typing import Any, Container, Mapping, Optional, Sequence, Union

from netsurgery.costs import six_digits
from netsurgery.errors import PlanError, Remedy
from netsurgery.layers import layer_type
from netsurgery.linalg import Ranks, Tradeoff, evbmf_rank, plain_ranks, rank_text
from netsurgery.methods import Change, Edit, LowRankMethod, Prediction, low_rank_method
from netsurgery.network import Model, infer_shapes, require_fit, show
from netsurgery.planning.asked import rank_facts
from netsurgery.planning.forms import cheapest, considered, usual_forms, without_form
from netsurgery.planning.plan import Plan, Skipped
from netsurgery.planning.rules import (
    LayerRule,
    choose,
    keeps,
    refuse_idle,
    refuse_idle_keeps,
    refuse_kept,
)
from netsurgery.progress import Progress, silent

Forms = Sequence[LowRankMethod]


@dataclass(frozen=True)
class LowRankRequest:
    """What a user asks of the planner.

    Attributes:
        rules: Ranks, errors and energies, for layers by name, glob or type.
        keep: Layers to leave alone, by name, glob or type.
        method: The method to plan with. By default svd for InnerProduct layers; for Convolution
            layers that a rule names, or where it names none and no InnerProduct layer gains, the
            cheapest of channel_svd, spatial_svd and input_svd, for a rank the first that gains.
        allow_growth: Take ranks that make a layer bigger.
        options: Options for every edit, such as ``{"split": "sqrt"}``.
        predict: Compute spectra also where a rank is given outright, to predict the error.
        split: Where singular values go, for methods that have a choice and options that say
            nothing of it: ``"sqrt"`` balances factors for who trains them.
    """

    rules: Sequence[LayerRule] = ()
    keep: Sequence[str] = ()
    method: Optional[str] = None
    allow_growth: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    predict: bool = True
    split: Optional[str] = None


def plan_low_rank(
    model: Model, request: LowRankRequest, progress: Optional[Progress] = None
) -> Plan:
    """Decide the rank of every layer that has a form.

    Args:
        model: The network with its weights.
        request: What the user asks for.
        progress: Told each layer before it is looked at.

    Raises:
        PlanError: A rule selects nothing, a rank is impossible, a layer named outright would
            grow, or the method has no such option.
        NetworkError: Prototxt and weights do not belong together, or Caffe would refuse a layer.
    """
    infer_shapes(model.network(), weights=model.weights)  # refuses what no plan can be made for
    require_fit(model)
    if request.method is None:
        forms: Forms = usual_forms(request.options)
    else:
        chosen = low_rank_method(request.method)
        chosen.refuse_unknown(request.options)
        forms = [chosen]
    layers = candidates(model, forms)
    taken = dict.fromkeys(name for form in forms for name in form.taken)
    refuse_idle(request.rules, layers, " or ".join(taken))
    refuse_kept(request.rules, request.keep, layers)
    refuse_idle_keeps(request.keep, [(layer.name, layer.type) for layer in model.prototxt.layers])
    planner = _Planner(model, request, forms, layers, progress or silent)
    planner.decide()
    left = without_form(model, forms) if request.method is None else []
    decisions = [planner.decisions[name] for name, _ in layers]
    return Plan(
        tuple(item for item in decisions if isinstance(item, Edit)),
        (*(item for item in decisions if isinstance(item, Skipped)), *left),
    )


def candidates(model: Model, forms: Sequence[LowRankMethod]) -> list[tuple[str, str]]:
    """Return (name, type) of each layer, in document order, that one of some methods takes."""
    found = {
        layer.name: layer.type
        for layer in model.prototxt.layers
        if any(form.takes(layer_type(layer.type)) for form in forms)
    }
    return list(found.items())


class _Planner:
    """Decides layer by layer.

    Attributes:
        decisions: What becomes of each layer.
    """

    def __init__(
        self,
        model: Model,
        request: LowRankRequest,
        forms: Forms,
        layers: Sequence[tuple[str, str]],
        progress: Progress,
    ) -> None:
        self.model, self.request, self.forms = model, request, forms
        self.layers, self.progress = layers, progress
        self.decisions: dict[str, Union[Edit, Skipped]] = {}
        self._done: dict[str, tuple[str, Optional[LayerRule]]] = {}

    def decide(self) -> None:
        """Decide for every layer; where no method is named, first for those to be looked at."""
        if self.request.method is not None:
            self._look_at({name for name, _ in self.layers})
            return
        # As if InnerProduct layers gained; where none does, all are looked at.
        first, reason = considered(self.request.rules, self.layers, (n for n, _ in self.layers))
        self._look_at(first)
        gaining = (name for name, made in self.decisions.items() if isinstance(made, Edit))
        names, reason = considered(self.request.rules, self.layers, gaining)
        self._look_at(names - first)
        for name, _ in self.layers:
            self.decisions.setdefault(name, Skipped(name, reason))

    def _look_at(self, names: Container[str]) -> None:
        wanted = [one for one in self.layers if one[0] in names]
        for name, type_ in self.progress.each(wanted, "layers", "layers", itemgetter(0)):
            rule = choose(self.request.rules, name, type_, self.layers)
            decision = self._decide(name, type_, rule)
            self.decisions[name] = decision
            if isinstance(decision, Edit):
                coupled = low_rank_method(decision.method).coupled(self.model, name)
                self._done.update((other, (name, rule)) for other in coupled)

    def _decide(self, name: str, type_: str, rule: Optional[LayerRule]) -> Union[Edit, Skipped]:
        if name in self._done:
            first, other = self._done[name]
            if rule and other and rule.names(name) and not rule.agrees(other):
                problem = (
                    f"{other} and {rule} contradict each other: it shares weights with {first!r}"
                )
                raise PlanError(problem, layer=name, remedy="give one")
            return Skipped(name, f"shares its weights with {first!r} and is rewritten with it")
        if keeps(self.request.keep, name, type_):
            return Skipped(name, "kept on request")
        if rule is None:
            return Skipped(name, "no rule selects it")
        try:
            return self._edit(name, rule, type_)
        except PlanError as error:
            if rule.names(name):
                raise
            return Skipped(name, error.problem)

    def _edit(self, name: str, rule: LayerRule, type_: str) -> Edit:
        """The cheapest edit that follows the rule; for a rank, the first that gains."""
        found: list[Edit] = []
        refusals: list[PlanError] = []
        for form in (one for one in self.forms if one.takes(layer_type(type_))):
            try:
                found.append(_edit(form, self.request, rule, name, form.tradeoff(self.model, name)))
            except PlanError as error:
                refusals.append(error)
                continue
            if rule.kind == "rank":
                break
        if not found:
            raise refusals[0]
        return cheapest(found) if found[1:] else found[0]


def _edit(
    chosen: LowRankMethod, request: LowRankRequest, rule: LayerRule, name: str, costs: Tradeoff
) -> Edit:
    ranks = _RANKS[rule.kind](rule, costs, name)
    if not (costs.saves(ranks) or request.allow_growth):
        raise _growth(rule, costs, ranks, name)
    own = {"split": request.split} if request.split and "split" in chosen.options else {}
    options = {**chosen.options_for(ranks), **own, **dict(request.options)}
    predicted = _predict(costs, ranks, request.predict, rule.kind)
    return Edit(name, chosen.name, options, replace(predicted, **rank_facts(rule, costs, ranks)))


def _given_ranks(rule: LayerRule, costs: Tradeoff, name: str) -> Ranks:
    """A number stands for all ranks of a layer, as far as they go; a fraction is of each."""
    if not rule.whole:
        return costs.share(rule.value)
    rank, most = int(rule.value), max(costs.full)
    if rank > most:
        limit = f"below {max(costs.breakeven) + 1}" if costs.breakeven else "in a plan of your own"
        raise PlanError(
            f"rank {rank} is more than the full rank {most} of its {show(costs.shape)} weights",
            layer=name,
            remedy=f"give a rank {limit}",
        )
    return tuple(min(rank, full) for full in costs.full)


def _ranks_for_energy(rule: LayerRule, costs: Tradeoff, name: str) -> Ranks:
    return costs.cheapest(1.0 - rule.value)


def _ranks_for_error(rule: LayerRule, costs: Tradeoff, name: str) -> Ranks:
    return costs.cheapest(rule.value**2)


def _ranks_above_noise(rule: LayerRule, costs: Tradeoff, name: str) -> Ranks:
    count = prod(costs.shape)
    spectra = () if costs.fit else costs.energies.spectra
    if not spectra:
        remedy = "give a rank, an energy or an error"
        raise PlanError("its form has no spectrum to tell from noise", layer=name, remedy=remedy)
    found = [evbmf_rank(values, (len(values), count // len(values))).rank for values in spectra]
    return tuple(max(1, min(rank, full)) for rank, full in zip(found, costs.full))


_RANKS = {
    "rank": _given_ranks,
    "evbmf": _ranks_above_noise,
    "energy": _ranks_for_energy,
    "error": _ranks_for_error,
}


def _growth(rule: LayerRule, costs: Tradeoff, ranks: Ranks, name: str) -> PlanError:
    limit = costs.breakeven
    saves = f"it saves up to {rank_text(limit)}" if limit else "no rank saves anything"
    before, after = costs.weights.whole, costs.weights.at(ranks)
    return PlanError(
        f"{rank_text(ranks)} does not make its {show(costs.shape)} weights smaller "
        f"({after:,} instead of {before:,}); {saves}",
        layer=name,
        remedy=Remedy(
            f"lower the {'rank' if rule.kind == 'evbmf' else rule.kind}, or give {{}}",
            "allow_growth",
        ),
    )


def _predict(costs: Tradeoff, ranks: Ranks, wanted: bool, kind: str) -> Prediction:
    known = Prediction(
        breakeven=plain_ranks(costs.breakeven or (0,)),
        weights=Change(costs.weights.whole, costs.weights.at(ranks)),
        macs=Change(costs.macs.whole, costs.macs.at(ranks)) if costs.macs is not None else None,
        order=("breakeven", "weights", "macs", "energy", "error"),
    )
    if not wanted and kind == "rank":
        return known
    lost = costs.fitted(ranks)
    return replace(known, energy=six_digits(1.0 - lost), error=six_digits(lost**0.5))
