"""What a user asks of a thinned net, and how many channels that leaves to each group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence, Tuple

from netsurgery.costs import Budget
from netsurgery.engine import EngineLike
from netsurgery.errors import PlanError
from netsurgery.layers import Product
from netsurgery.network import ChannelGroup, Model
from netsurgery.planning.asked import channel_facts
from netsurgery.planning.rules import LayerRule, choose, refuse_idle


@dataclass(frozen=True)
class ThinSpec:
    """What a user asks of a thinned net.

    Attributes:
        rules: How many channels layers keep: of kind ``"keep"``, numbers or shares.
        width: Convolutions keep at most this many channels and InnerProduct layers twice as many,
            where no rule says otherwise (the thin-w nets of Lu et al. 2017).
        budget: What may be left of the whole net, chosen by one ranking of all channels; groups
            with a rule keep what that says.
        criterion: What tells which channels to keep; by default ``"surgeon"`` where there are
            inputs and ``"somp"`` where there are none.
        compensate: How what is kept stands in for the rest: ``"none"``, ``"channels"``,
            ``"patches"`` (see `methods.thin`) or ``"refit"`` (every layer behind the first cut is
            fitted to the original, see `methods.refit`); by default ``"refit"`` where there are
            inputs.
        multiple: Of what the number of channels kept is to be a multiple.
        seed: For what is random.
        engine: What times layers for a budget of time; by default what runs the inputs.
        notes: A file in which times are kept, for the next run to go on from.
        trials: For a budget with inputs, try what the loss of each group does to the outputs;
            without that each counts by what it costs the layers that read it.
    """

    rules: Sequence[LayerRule] = ()
    width: Optional[int] = None
    budget: Optional[Budget] = None
    criterion: Optional[str] = None
    compensate: Optional[str] = None
    multiple: int = 1
    seed: int = 0
    engine: EngineLike = None
    notes: Optional[str] = None
    trials: bool = True


class ThinRules:
    """Says how many channels of its groups a model is to keep, by rules and width."""

    def __init__(self, model: Model, groups: Sequence[ChannelGroup], request: ThinSpec) -> None:
        """Take in what is asked.

        Args:
            model: The network.
            groups: Its groups of channels.
            request: What the user asks for.
        """
        self._model, self._groups, self._request = model, groups, request
        self._types = {layer.name: layer.type for layer in model.network().layers}
        self._layers = [self._layer(origin) for one in groups for origin in one.origins]

    def check(self) -> None:
        """Refuse what cannot be followed before anything is computed."""
        if self._request.multiple < 1 or (
            self._request.width is not None and self._request.width < 1
        ):
            raise PlanError("a width, and what counts are to be a multiple of, are 1 or more")
        refuse_idle(self._request.rules, self._layers, "channels of a")
        for group in self._groups:
            rule = self.rule(group)
            if group.blocked and rule is not None and any(map(rule.names, group.origins)):
                raise PlanError(
                    f"no channel of it can go: {group.blocked}",
                    layer=group.name,
                    remedy="see `netsurgery channels`",
                )
        self._refuse_idle_limits()

    def _refuse_idle_limits(self) -> None:
        """Refuse a width or a budget where rules say of every group what it keeps."""
        free = [group for group in self._groups if not group.blocked]
        if not free or not all(self.rule(group) for group in free):
            return
        for limit, name in ((self._request.width, "width"), (self._request.budget, "budget")):
            if limit is not None:
                raise PlanError(
                    f"the rules say of every layer what it keeps, and leave the {name} no choice",
                    file=self._model.prototxt.file,
                    remedy="leave one of both out, or rules for some layers",
                )

    def facts(self, group: ChannelGroup, kept: int) -> Dict[str, Any]:
        """Return what is asked of a group beside what it keeps."""
        rule, width = self.rule(group), self._request.width
        if width is not None:
            width *= 2 if _is_twice_as_wide(group) else 1
        return channel_facts(rule, width, kept, group.channels)

    def rule(self, group: ChannelGroup) -> Optional[LayerRule]:
        """The rule of a group: one that names a layer that makes its channels beats the others.

        Raises:
            PlanError: Rules for layers whose channels are cut together contradict each other.
        """
        pairs = [
            (rule, origin)
            for origin in group.origins
            for rule in [choose(self._request.rules, *self._layer(origin), self._layers)]
            if rule is not None
        ]
        most = max((rule.closeness(origin) for rule, origin in pairs), default=0)
        found = [rule for rule, origin in pairs if rule.closeness(origin) == most]
        for rule in found[1:]:
            if not rule.agrees(found[0]):
                raise PlanError(
                    f"{found[0]} and {rule} contradict each other: the channels of "
                    f"{' and '.join(origin for _, origin in pairs)} are cut together",
                    layer=group.name,
                    remedy="give one",
                )
        return next(iter(found), None)

    def _layer(self, name: str) -> Tuple[str, str]:
        return name, self._types.get(name, "")

    def number(self, group: ChannelGroup) -> Optional[int]:
        """How many channels rules and width ask a group to keep, or None."""
        rule, total = self.rule(group), group.channels
        if group.blocked:
            return None
        if rule is not None:
            number = int(rule.value) if rule.whole else max(1, round(rule.value * total))
            if number > total:
                raise PlanError(f"it has {total} channels, not {number}", layer=group.name)
        elif self._request.width is not None:
            number = min(self._request.width * (2 if _is_twice_as_wide(group) else 1), total)
        else:
            return None
        return max(number, len(group.pinned))


def _is_twice_as_wide(group: ChannelGroup) -> bool:
    """Whether a width counts double, as it does for InnerProduct layers."""
    return {layer.layer_type.product for layer in group.producers} == {Product.DENSE}
