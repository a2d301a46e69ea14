"""Where no engine that trains has all layers of a net, what is told helps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy_trainer import NumpyTrainer
from small_models import make_model

from netsurgery.errors import EngineError
from netsurgery.formats import Prototxt
from netsurgery.layers import Value
from netsurgery.network import Model
from netsurgery.training import LabelObjective
from netsurgery.training.lacked import engine_for
from netsurgery.training.training_net import training_net

INPUT = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 8 dim: 4 } } }
"""
BODY = """
layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
        inner_product_param { num_output: 3 } }
"""
TANH = 'layer { name: "squashed" type: "TanH" bottom: "fc" top: "squashed" }\n'
HEAD = """
layer { name: "head" type: "InnerProduct" bottom: "squashed" top: "head"
        inner_product_param { num_output: 3 } }
"""


def model(text: str) -> Model:
    weights = {"fc": [np.ones((3, 4)), np.zeros(3)], "head": [np.ones((3, 3)), np.zeros(3)]}
    return make_model(
        INPUT + text, {name: weights[name] for name in weights if f'"{name}"' in text}
    )


def test_the_layer_before_which_an_engine_trains_is_named() -> None:
    whole, before = model(BODY + TANH + HEAD), model(BODY)
    numpy = NumpyTrainer()
    with pytest.raises(EngineError) as refused:
        engine_for(numpy, whole.network())
    told = str(refused.value)
    assert "layer 'squashed': no engine here can train it (numpy has no TanH)" in told
    assert "leave 'squashed' and what follows it out of copies of this text" in told
    assert engine_for(numpy, before.network()) is numpy


def test_an_engine_that_trains_nothing_is_told_as_ever(caffe: str) -> None:
    with pytest.raises(EngineError, match="cannot do this: run a solver"):
        engine_for("opencv", model(BODY).network())


DATA = """
layer { name: "hdf" type: "HDF5Data" top: "data" top: "label"
        hdf5_data_param { source: "nowhere" batch_size: 8 } }
"""


@pytest.mark.parametrize(
    ("text", "end", "told"),
    [
        (BODY, ("fc", "HingeLoss"), "`train_val`, by what a `teacher` answers"),
        (BODY + TANH + HEAD, ("head", "SoftmaxWithLoss"), "train the layers before: leave 'squash"),
    ],
    ids=["of the training text alone", "of the net"],
)
def test_what_to_do_depends_on_whose_the_layer_is(
    text: str, end: tuple[str, str], told: str
) -> None:
    blob, loss = end
    train_val = (
        DATA
        + text
        + (f'layer {{ name: "loss" type: "{loss}" bottom: "{blob}" bottom: "label" top: "loss" }}')
    )
    with pytest.raises(EngineError) as refused:
        training_net(
            model(text),
            [LabelObjective("labels", Value(blob))],
            batch=8,
            train_val=Prototxt.parse(train_val.encode()),
            engine=NumpyTrainer(),
        )
    assert told in str(refused.value)
