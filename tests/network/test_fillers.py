"""Layers that weights lack begin anew, by what Caffe's fillers make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_models import TWO_LAYERS, two_layers

from netsurgery.engine import choose
from netsurgery.errors import FormatError, NetworkError
from netsurgery.formats import Prototxt
from netsurgery.network import Model, with_fillers
from netsurgery.network.fillers import fill


def transferred(filler: str, text: str = TWO_LAYERS) -> Model:
    """Two layers with the weights of a net whose last layer is called otherwise."""
    whole = two_layers()
    new = text.replace('"fc7"', '"new"').replace("num_output: 5 ", f"num_output: 3 {filler} ")
    return replace(whole, prototxt=Prototxt.parse(new.encode()))


def test_a_layer_that_is_not_there_begins_by_its_filler() -> None:
    model = transferred('weight_filler { type: "gaussian" std: 0.1 } bias_filler { value: 2 }')
    begun = with_fillers(model, seed=3)
    assert begun.layers == ("new",)
    weights, bias = begun.model.blobs("new")
    assert (weights.shape, bias.shape) == ((3, 32), (3,))
    assert 0.05 < weights.array().std() < 0.15
    assert (bias.array() == 2).all()
    # The others are as they were, those that the net does not have included.
    for name in ("fc6", "fc7"):
        assert begun.model.blobs(name) == model.blobs(name)
    again = with_fillers(model, seed=3).model
    assert again.digest == begun.model.digest
    assert with_fillers(model, seed=4).model.digest != begun.model.digest
    assert with_fillers(begun.model) == (begun.model, ())


def test_the_training_text_says_how_it_begins() -> None:
    model = transferred("")
    text = transferred('weight_filler { type: "constant" value: 7 }').prototxt
    assert (with_fillers(model, text).model.blobs("new")[0].array() == 7).all()


@pytest.mark.parametrize(
    ("filler", "told"),
    [
        ("", "is not in the weights, and does not say how it begins"),
        ('weight_filler { type: "mine" }', "begins by a filler that is not known here, 'mine'"),
    ],
)
def test_what_cannot_begin_is_refused(filler: str, told: str) -> None:
    with pytest.raises(FormatError, match=told) as caught:
        with_fillers(transferred(filler))
    assert "layer 'new'" in str(caught.value)


def test_weights_of_another_net_are_refused() -> None:
    filler = 'weight_filler { type: "xavier" }'
    model = transferred(filler, TWO_LAYERS.replace('"fc6"', '"old"'))
    with pytest.raises(NetworkError, match="hold none of the net's layers"):
        with_fillers(model)


FILLERS = (
    'type: "constant" value: 0.5',
    'type: "uniform" min: -1 max: 3',
    'type: "gaussian" mean: 1 std: 2',
    'type: "gaussian" std: 1 sparse: 4',
    'type: "xavier"',
    'type: "xavier" variance_norm: FAN_OUT',
    'type: "msra" variance_norm: AVERAGE',
    'type: "positive_unitball"',
)


def far(numbers: np.ndarray) -> float:
    """What nine tenths of the numbers that are not zero stay below."""
    return float(np.quantile(np.abs(numbers[numbers != 0]), 0.9))


def test_numbers_are_those_of_caffe_but_for_the_draw(caffe: str, tmp_path: Path) -> None:
    """Of 16,000 numbers: mean, deviation, how many are zero, and how far they go."""
    text = tmp_path / "net.prototxt"
    data = 'layer { name: "data" type: "Input" top: "data" input_param { shape { DIMS } } }\n'
    lines = [data.replace("DIMS", "dim: 1 dim: 10 dim: 6 dim: 6")]
    for number, filler in enumerate(FILLERS):
        told = f"num_output: 64 kernel_size: 5 weight_filler {{ {filler} }}"
        lines.append(
            f'layer {{ name: "{number}" type: "Convolution" bottom: "data" top: "{number}" '
            f"convolution_param {{ {told} }} }}\n"
        )
    text.write_text("".join(lines))
    with choose(caffe).open(text) as session:
        made = session.parameters()
    for layer, filler in zip(Model(Prototxt.read(text)).network().layers[1:], FILLERS):
        theirs = made[layer.name][0].astype(float)
        parameter = layer.parameter.convolution_param.weight_filler
        ours = fill(parameter, theirs.shape, np.random.RandomState(0))
        assert ours is not None, filler
        spread = theirs.std()
        # Six standard errors of a mean, and more than that of a deviation.
        assert ours.mean() == pytest.approx(theirs.mean(), abs=0.07 * spread + 1e-12), filler
        assert ours.std() == pytest.approx(spread, rel=0.07, abs=1e-12), filler
        assert (ours == 0).mean() == pytest.approx((theirs == 0).mean(), abs=0.02), filler
        # Of a thousand numbers: six standard errors of what nine tenths stay below.
        assert far(ours) == pytest.approx(far(theirs), rel=0.25), filler
        if "unitball" in filler:
            assert ours.reshape(64, -1).sum(1) == pytest.approx(1.0)
