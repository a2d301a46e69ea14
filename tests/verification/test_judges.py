"""A net that never gives the same twice is judged by nobody."""

from __future__ import annotations

import numpy as np
import pytest

from netsurgery.errors import NoJudgeError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network import Network
from netsurgery.verification.judges import require_steady

NET = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 2 dim: 3 dim: 4 dim: 4 } } }
layer { name: "norm" type: "BatchNorm" bottom: "data" top: "norm"
        batch_norm_param { use_global_stats: %s } }
layer { name: "drop" type: "Dropout" bottom: "norm" top: "drop" }
"""


def network(statistics: str = "true") -> Network:
    return Network.of(Prototxt.parse((NET % statistics).encode()))


def unit(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


STEADY = {"norm": unit(3.0, 4.0), "drop": unit(1.0, np.nan)}


def test_the_same_twice_is_steady() -> None:
    require_steady(network(), STEADY, {name: blob.copy() for name, blob in STEADY.items()})
    require_steady(network(), {"drop": unit(0.0)}, {"drop": unit(0.0)})


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(unit(3.0, 4.1), id="another value"),
        pytest.param(unit(3.0), id="another shape"),
        pytest.param(unit(3.0, np.nan), id="no longer finite"),
        pytest.param(unit(-3.0, 4.0), id="another sign"),
        # The length is 5: 6e-4 is more than a ten thousandth of it.
        pytest.param(unit(3.0006, 4.0), id="a little"),
    ],
)
@pytest.mark.parametrize("name", STEADY)
def test_one_blob_that_drifts_is_enough(name: str, again: np.ndarray) -> None:
    first = {**STEADY, name: unit(3.0, 4.0)}
    with pytest.raises(NoJudgeError, match=r"each time for the same inputs$"):
        require_steady(network(), first, {**first, name: again})


def test_sums_in_another_order_are_no_drift() -> None:
    # A ten thousandth of 5 is 5e-4.
    require_steady(network(), {"norm": unit(3.0, 4.0)}, {"norm": unit(3.0004, 4.0)})


def test_layers_that_are_known_to_drift_are_named() -> None:
    with pytest.raises(NoJudgeError, match=r"no batch statistics as layer 'norm' asks for"):
        require_steady(network("false"), STEADY, {**STEADY, "norm": unit(0.0, 0.0)})
