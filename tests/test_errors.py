from __future__ import annotations

import copy
import copyreg

import pytest

from netsurgery.errors import NetworkError, PlanError, Remedy


def test_a_remedy_names_arguments_as_python_does_until_somebody_tells_it_otherwise() -> None:
    remedy = Remedy("give {} or {}", "macs", "params")
    error = PlanError("there is no budget", layer="fc6", remedy=remedy)
    assert error.remedy == "give `macs` or `params`"
    assert str(error) == "layer 'fc6': there is no budget; give `macs` or `params`"
    told = error.told(lambda name: f"--{name}")
    assert told == "layer 'fc6': there is no budget; give --macs or --params"


def test_a_remedy_in_plain_words_is_told_as_it_is() -> None:
    error = PlanError("it is too large", remedy="take {less}")
    assert error.told(str.upper) == str(error) == "it is too large; take {less}"


def test_a_copy_is_another_error_whatever_others_register(monkeypatch: pytest.MonkeyPatch) -> None:
    error = NetworkError("is too wide", file="a.prototxt", layer="conv")
    monkeypatch.setitem(copyreg.dispatch_table, NetworkError, lambda one: (lambda: one, ()))
    other = copy.copy(error)
    assert type(other) is NetworkError
    assert other is not error
    assert (str(other), other.args) == (str(error), error.args)
    other.problem += ", and too high"
    assert str(error) == "a.prototxt: layer 'conv': is too wide"
