"""Which channels go together, and what every blob loses with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List

import numpy as np
import pytest
from channel_choices import random_keep, with_random_weights
from channel_nets import line
from fork_nets import BY_HAND, OPENCV
from special_nets import ACCEPTED

from netsurgery.errors import NetworkError, PlanError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.weights import Blob, LayerWeights, Weights
from netsurgery.network.channels import (
    ChannelGroup,
    channel_groups,
    groups as groups_module,
    masked,
    thin_model,
)
from netsurgery.network.model import Model
from netsurgery.network.parameters import blob_shapes

INPUT = 'input: "x" input_shape { dim: 1 dim: 4 dim: 6 dim: 6 }\n'


def conv(name: str, bottom: str, fields: str = "num_output: 8") -> str:
    body = f"convolution_param {{ kernel_size: 1 {fields} }}"
    return line("Convolution", name, [bottom], [name], body)


def product(name: str, bottom: str, fields: str = "num_output: 3") -> str:
    return line("InnerProduct", name, [bottom], [name], f"inner_product_param {{ {fields} }}")


A = INPUT + conv("a", "x")
END = product("end", "last")
POINTS = "slice_param { slice_point: 6 slice_point: 10 }"


def groups_of(text: str) -> Dict[str, ChannelGroup]:
    return {group.name: group for group in channel_groups(with_random_weights(text))}


def cuts_of(group: ChannelGroup, channel: int) -> Dict[str, List[Any]]:
    """For each blob and axis, as ``a 0:1``, what goes with a channel."""
    return {
        f"{cut.layer.name} {cut.blob}:{cut.axis}": cut.indices(channel).tolist()
        for cut in group.members
    }


def thinned(text: str, **keep: List[int]) -> Model:
    model = with_random_weights(text)
    return thin_model(model, channel_groups(model), keep)


def test_an_output_row_goes_with_all_that_reads_it() -> None:
    group = groups_of(A + line("ReLU", "r", ["a"], ["a"]) + product("end", "a"))["a"]
    assert (group.channels, group.blocked, group.approximate) == (8, None, None)
    columns = list(range(2 * 36, 3 * 36))
    assert cuts_of(group, 2) == {"a 0:0": [2], "a 1:0": [2], "end 0:1": columns}
    assert [layer.name for layer in group.through] == ["r"]
    assert [layer.name for layer in group.producers] == ["a"]
    assert [layer.name for layer in group.consumers] == ["end"]


def test_a_transposed_matrix_loses_rows() -> None:
    text = A + product("b", "a", "num_output: 5 transpose: true") + product("end", "b")
    groups = groups_of(text)
    assert cuts_of(groups["a"], 0)["b 0:0"] == list(range(36))
    assert cuts_of(groups["b"], 4) == {"b 0:1": [4], "b 1:0": [4], "end 0:1": [4]}


def test_a_deconvolution_has_its_axes_swapped() -> None:
    body = "convolution_param { kernel_size: 2 num_output: 6 }"
    text = A + line("Deconvolution", "d", ["a"], ["d"], body) + product("end", "d")
    groups = groups_of(text)
    assert cuts_of(groups["a"], 3)["d 0:0"] == [3]
    assert cuts_of(groups["d"], 3)["d 0:1"] == [3]


def test_a_grouped_convolution_keeps_as_many_in_each_group() -> None:
    text = A + conv("b", "a", "num_output: 6 group: 2") + product("end", "b")
    groups = groups_of(text)
    assert groups["a"].balanced[0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert groups["b"].balanced[0].tolist() == [[0, 1, 2], [3, 4, 5]]
    # Channel 5 is the second input of the second half of the rows.
    assert cuts_of(groups["a"], 5)["b 0:1"] == [[1, 1]]
    assert cuts_of(groups["b"], 5)["b 0:0"] == [5]
    thin = thinned(text, a=[0, 2, 6, 7], b=[1, 3])
    assert thin.blobs("b")[0].shape == (2, 2, 1, 1)
    whole = with_random_weights(text).blobs("b")[0].array()[..., 0, 0]
    expected = [whole[1, [0, 2]], whole[3, [2, 3]]]
    np.testing.assert_array_equal(thin.blobs("b")[0].array()[..., 0, 0], expected)
    with pytest.raises(PlanError, match=r"would keep \[3, 1\] channels"):
        thinned(text, a=[0, 1, 2, 7])


def test_a_depthwise_convolution_loses_whole_groups() -> None:
    text = A + conv("b", "a", "num_output: 16 group: 8") + product("end", "b")
    group = groups_of(text)["a"]
    assert group.channels == 8
    assert cuts_of(group, 2)["b 0:0"] == [4, 5]
    assert [layer.name for layer in group.carriers] == ["b"]
    parameter = thinned(text, a=[2, 7]).prototxt.layers[1].parameter.convolution_param
    assert (parameter.num_output, parameter.group) == (4, 2)


def test_residuals_go_together() -> None:
    text = A + conv("b", "x") + line("Eltwise", "sum", ["a", "b"], ["last"]) + END
    group = groups_of(text)["a"]
    assert group.origins == ("a", "b")
    assert group.channels == 8
    assert cuts_of(group, 1)["b 0:0"] == cuts_of(group, 1)["a 0:0"] == [1]


def test_pictures_joined_along_another_axis_go_together() -> None:
    joint = line("Concat", "c", ["a", "b"], ["last"], "concat_param { axis: 2 }")
    group = groups_of(A + conv("b", "x") + joint + END)["a"]
    assert group.origins == ("a", "b")
    assert cuts_of(group, 6)["b 0:0"] == [6]
    assert cuts_of(group, 1)["end 0:1"] == list(range(72, 144))


def test_one_kernel_for_two_bottoms_reads_both_alike() -> None:
    body = "convolution_param { kernel_size: 1 num_output: 2 }"
    both = line("Convolution", "c", ["a", "b"], ["c", "last"], body)
    groups = groups_of(A + conv("b", "x") + both + END + product("other", "c"))
    assert groups["a"].origins == ("a", "b")
    assert cuts_of(groups["c"], 1)["other 0:1"] == cuts_of(groups["c"], 1)["end 0:1"]


def test_the_only_channel_stays() -> None:
    groups = groups_of(A + conv("b", "a", "num_output: 1") + product("end", "b"))
    assert groups["b"].blocked == "a blob would be left without channels: b has no other"


def test_two_groups_may_not_empty_a_blob_between_them() -> None:
    text = A + conv("b", "x") + line("Concat", "c", ["a", "b"], ["c"])
    text += line("Slice", "s", ["c"], ["one", "last", "two"], POINTS)
    text += END + product("first", "one") + product("second", "two")
    assert thinned(text, a=[0, 7], b=[7]).blobs("end")[0].shape == (3, 36)
    with pytest.raises(PlanError, match="last would be left without channels"):
        thinned(text, a=[0], b=[7])


def test_concat_and_slice_move_channels() -> None:
    text = A + conv("b", "x", "num_output: 4") + line("Concat", "c", ["a", "b"], ["c"])
    text += line("Slice", "s", ["c"], ["first", "last"]) + END + product("other", "first")
    groups = groups_of(text)
    assert cuts_of(groups["b"], 0)["end 0:1"] == list(range(2 * 36, 3 * 36))
    assert cuts_of(groups["a"], 7)["end 0:1"] == list(range(36, 2 * 36))
    thin = thinned(text, a=[0, 7], b=[0, 1, 2])
    assert list(thin.prototxt.layers[3].parameter.slice_param.slice_point) == [1]
    thin = thinned(text, a=[0, 1, 2, 7], b=[0, 1])
    assert not thin.prototxt.layers[3].parameter.slice_param.slice_point


def test_sizes_that_are_written_out_are_counted_anew() -> None:
    body = "reshape_param { shape { dim: 1 dim: 288 } }"
    text = A + line("Reshape", "r", ["a"], ["last"], body) + END
    thin = thinned(text, a=[1, 2, 3])
    assert list(thin.prototxt.layers[1].parameter.reshape_param.shape.dim) == [1, 108]
    body = "reshape_param { axis: 1 num_axes: 1 shape { dim: 2 dim: -1 } }"
    text = A + line("Reshape", "r", ["a"], ["last"], body) + END
    assert groups_of(text)["a"].channels == 4  # the channels of both rows in pairs
    assert thinned(text, a=[0, 3]).blobs("a")[0].shape[0] == 4


def test_the_factor_of_batch_norm_stays() -> None:
    text = A + line("BatchNorm", "n", ["a"], ["last"]) + END
    assert [blob.shape for blob in thinned(text, a=[1, 5]).blobs("n")] == [(2,), (2,), (1,)]


def test_batch_norm_of_forks_has_what_the_weights_hold() -> None:
    text = A + line("BN", "n", ["a"], ["last"]) + END
    model = with_random_weights(text)
    values = np.arange(8, dtype=np.float32).reshape(1, 8, 1, 1)
    layer = LayerWeights("n", "BN", (Blob.of(values),) * 4)
    model = Model(model.prototxt, Weights.of([*model.weights.layers, layer]))
    thin = thin_model(model, channel_groups(model), {"a": [1, 5]})
    assert [blob.shape for blob in thin.blobs("n")] == [(1, 2, 1, 1)] * 4
    assert thin.blobs("n")[3].array().ravel().tolist() == [1, 5]


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (line("Softmax", "p", ["a"], ["p"]), "p (Softmax) normalises across them"),
        (line("Python", "p", ["a"], ["p"]), "p (Python) runs code that nobody knows"),
        (line("Fancy", "p", ["a"], ["p"]), "p (Fancy) is of a type nothing is known of"),
        (line("EuclideanLoss", "p", ["a", "a"], ["p"]), "p (EuclideanLoss) compares them"),
        ("", "a is an output of the network"),
        (line("Eltwise", "p", ["a", "x2"], ["last"]) + END, "x2 is an input of the network"),
    ],
)
def test_what_keeps_channels_says_why(after: str, reason: str) -> None:
    second = INPUT.replace('"x"', '"x2"').replace("dim: 4", "dim: 8") if "x2" in after else ""
    groups = groups_of(second + A + after).values()
    (blocked,) = [group.blocked for group in groups if "a" in group.origins]
    assert blocked is not None
    assert blocked.startswith(reason)


def test_some_channels_of_a_layer_may_be_kept() -> None:
    text = A + line("Slice", "s", ["a"], ["out", "last"]) + END
    group = groups_of(text)["a"]
    assert group.blocked is None
    assert group.free.tolist() == [4, 5, 6, 7]
    with pytest.raises(PlanError, match="channel 1 must stay: out is an output"):
        thinned(text, a=[0, 2, 3, 4])
    parts = thinned(text, a=[0, 1, 2, 3, 6]).prototxt.layers[1].parameter.slice_param.slice_point
    assert list(parts) == [4]


def test_layers_across_channels_are_approximate() -> None:
    for kind, body in (("LRN", ""), ("MVN", "mvn_param { across_channels: true }")):
        group = groups_of(A + line(kind, "n", ["a"], ["last"], body) + END)["a"]
        assert group.approximate.startswith(f"n ({kind}) ")
        assert group.blocked is None


def test_shared_weights_are_cut_alike() -> None:
    shared = ' param { name: "w" }'
    text = A + conv("b", "x")
    text = text.replace('top: "a" ', f'top: "a" {shared} ').replace(
        'top: "b" ', f'top: "b" {shared} '
    )
    text += product("end", "a") + product("other", "b")
    assert groups_of(text)["a"].origins == ("a", "b")


def test_a_layer_of_two_phases_stays() -> None:
    other = conv("a", "x", "num_output: 9").replace("{ name", "{ include { phase: TRAIN } name", 1)
    text = A.replace('top: "a"', 'top: "a" include { phase: TEST }') + other + product("end", "a")
    assert "another phase" in groups_of(text)["a"].blocked


@pytest.mark.parametrize("name", sorted(ACCEPTED) + sorted({**OPENCV, **BY_HAND}))
def test_no_layer_is_an_error(name: str) -> None:
    text = ACCEPTED.get(name) or {**OPENCV, **BY_HAND}[name][0]
    model = Model(Prototxt.parse(text.encode()))
    groups = channel_groups(model)
    keep = random_keep(groups, 0, approximate=True)
    assert blob_shapes(thin_model(model, groups, keep).network()) is not None


@pytest.mark.parametrize(
    ("keep", "problem"),
    [
        ({"b": [0]}, "no group of channels"),
        ({"a": [8]}, "numbers from 0 to 7"),
        ({"a": [0.5]}, "numbers from 0 to 7"),
        ({"a": []}, "no channel would be left"),
        ({"x": [0]}, "channel 1 must stay"),
    ],
)
def test_impossible_choices_are_refused(keep: Dict[str, List[Any]], problem: str) -> None:
    with pytest.raises(PlanError, match=problem):
        thinned(A + product("end", "a"), **keep)


def test_the_oldest_layout_is_refused() -> None:
    text = INPUT + 'layers { layer { name: "r" type: "relu" } bottom: "x" top: "r" }'
    model = Model(Prototxt.parse(text.encode()))
    with pytest.raises(NetworkError, match="netsurgery upgrade"):
        thin_model(model, channel_groups(model), {})


def test_weights_of_another_net_are_refused() -> None:
    model = with_random_weights(A + product("end", "a"))
    other = with_random_weights(INPUT + conv("a", "x", "num_output: 9") + product("end", "a"))
    with pytest.raises(NetworkError, match="blob 0 has shape"):
        thin_model(Model(model.prototxt, other.weights), channel_groups(model), {"a": [1]})


def test_nothing_changes_when_all_is_kept() -> None:
    text = A + conv("b", "a", "num_output: 6 group: 2") + product("end", "b")
    model = with_random_weights(text)
    groups = channel_groups(model)
    keep = {group.name: list(range(group.channels)) for group in groups}
    for after in (thin_model(model, groups, keep), masked(model, groups, keep)):
        assert after.prototxt.data == model.prototxt.data
        for layer in model.weights.layers:
            for one, other in zip(layer.blobs, after.blobs(layer.name)):
                np.testing.assert_array_equal(one.array(), other.array())


def test_double_precision_stays() -> None:
    model = with_random_weights(A + product("end", "a"))
    blobs = tuple(Blob.of(blob.array(np.float64), storage="float64") for blob in model.blobs("a"))
    weights = model.weights.replace({"a": [LayerWeights("a", None, blobs)]})
    thin = thin_model(Model(model.prototxt, weights), channel_groups(model), {"a": [1]})
    assert {blob.storage for blob in thin.blobs("a")} == {"float64"}


def test_groups_are_found_once_for_a_net_whatever_its_numbers(monkeypatch) -> None:
    looks = []
    really = groups_module.find_groups
    monkeypatch.setattr(
        groups_module, "find_groups", lambda *given: looks.append(1) or really(*given)
    )
    text = A + line("BatchNorm", "last", ["a"], ["last"]) + END
    model = with_random_weights(text)
    (layer,) = model.weights.find("last")
    other = LayerWeights("last", layer.type, (*layer.blobs[:2], Blob.of([2.0])))
    more = LayerWeights("last", layer.type, (*layer.blobs, *layer.blobs[:2]))
    again = replace(model, weights=model.weights.replace({"last": [other]}))
    fork = replace(model, weights=model.weights.replace({"last": [more]}))
    first, second = channel_groups(model), channel_groups(again)
    assert len(looks) == 1
    assert first == second
    assert first is not second
    blobs = {
        cut.blob for one in channel_groups(fork) for cut in one.members if cut.layer.name == "last"
    }
    assert blobs == {0, 1, 3, 4}
    assert len(looks) == 2
