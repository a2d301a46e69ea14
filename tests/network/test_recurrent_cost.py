"""What recurrent layers cost, counted by hand; real Caffe tells how large their blobs are."""

from __future__ import annotations

from math import prod

import pytest
from special_nets import layer

from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model

T, N, I, S, H = 5, 3, 7, 4, 6  # steps, streams, inputs, static inputs, outputs
GATES = {"LSTM": 4, "RNN": 1}


def net(kind: str, static: bool, exposed: bool, marks: str) -> str:
    """A recurrent layer with what it reads."""
    text = f'input: "x" input_shape {{ dim: [{T}, {N}, {I}] }}\n'
    bottoms, tops, hidden = ["x", "marks"], ["y"], 2 if kind == "LSTM" else 1
    if static:
        text += f'input: "static" input_shape {{ dim: [{N}, {S}] }}\n'
        bottoms.append("static")
    for number in range(hidden if exposed else 0):
        text += f'input: "h{number}" input_shape {{ dim: [1, {N}, {H}] }}\n'
        bottoms.append(f"h{number}")
        tops.append(f"g{number}")
    if marks == "given":
        text += f'input: "marks" input_shape {{ dim: [{T}, {N}] }}\n'
    else:
        fields = f"time_step: {T} batch_size: {N}"
        text += layer(
            "ContinuationIndicator", "", "marks", f"continuation_indicator_param {{ {fields} }}"
        ).replace('"it"', '"indicator"')
    fields = f"num_output: {H} expose_hidden: {str(exposed).lower()} debug_info: false"
    return text + layer(kind, " ".join(bottoms), " ".join(tops), f"recurrent_param {{ {fields} }}")


@pytest.mark.parametrize("marks", ["given", "made"])
@pytest.mark.parametrize("exposed", [False, True])
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "RNN"])
def test_a_recurrent_layer_costs_what_its_steps_do(
    kind: str, static: bool, exposed: bool, marks: str, ask_caffe
) -> None:
    text = net(kind, static, exposed, marks)
    cost = total_cost(Model(Prototxt.parse(text.encode())))
    gates = GATES[kind] * H
    macs = T * N * gates * (I + H) + (N * gates * S if static else 0)
    macs += T * N * H * H if kind == "RNN" else 0  # what the state gives out
    assert cost.macs == macs
    assert cost.unknown == ()
    answer = ask_caffe(text)
    assert "error" not in answer, answer
    made = {name: tuple(shape) for name, shape in answer["blobs"]}
    assert made["y"] == (T, N, H)
    assert sum(map(prod, answer["params"]["it"])) == cost.params
