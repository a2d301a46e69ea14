from __future__ import annotations

from netsurgery.errors import PlanError, Remedy


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
