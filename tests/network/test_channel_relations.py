"""What weights relate which channels: put together, relations are the blobs that they came from."""

from __future__ import annotations

import numpy as np
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, channel_nets, line
from hypothesis import HealthCheck, given, settings

from netsurgery.layers import CARRIES
from netsurgery.network.channels import channel_groups
from netsurgery.network.channels.readers import weights_reading
from netsurgery.network.channels.relations import ChannelRelation, channel_relations
from netsurgery.network.model import Model
from netsurgery.network.sparse import prunable


def relations_of(model: Model) -> list[ChannelRelation]:
    shapes = {(name, blob): model.blobs(name)[blob].shape for name, blob in prunable(model)}
    return channel_relations(channel_groups(model), shapes)


def declared(*dims: int) -> str:
    shape = " ".join(f"dim: {dim}" for dim in dims)
    return line("Input", "x", [], ["x"], f"input_param {{ shape {{ {shape} }} }}")


def product(name: str, bottom: str, outputs: int, more: str = "") -> str:
    body = f"inner_product_param {{ num_output: {outputs} {more} }}"
    return line("InnerProduct", name, [bottom], [name], body)


@settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)
@given(text=channel_nets())
def test_each_weight_is_in_one_relation_of_the_channels_that_read_it(text: str) -> None:
    model = with_random_weights(text)
    groups = channel_groups(model)
    shapes = {
        layer.name: [blob.shape for blob in model.blobs(layer.name)]
        for layer in model.network().layers
    }
    counts = {key: np.zeros(shapes[key[0]][key[1]], int) for key in prunable(model)}
    for relation in relations_of(model):
        places = np.arange(counts[relation.key].size).reshape(counts[relation.key].shape)
        taps = relation.taps(places)
        assert taps.shape[1:] == (len(relation.row_channels), len(relation.column_channels))
        np.add.at(counts[relation.key].reshape(-1), taps.ravel(), 1)
        for column, channel in enumerate(relation.column_channels[:4].tolist()):
            reading = weights_reading(groups[relation.columns], channel, shapes)[relation.key]
            assert np.isin(taps[:, :, column], reading).all()
        back = np.zeros_like(places)
        relation.put(back, taps)
        assert np.array_equal(back.ravel()[taps], taps)
    depthwise = {
        (cut.layer.name, cut.blob)
        for group in groups
        for cut in group.members
        if cut.role == CARRIES
    }
    for key, count in counts.items():
        assert (count == (0 if key in depthwise else 1)).all(), key


def test_a_plain_chain_has_a_relation_a_layer_with_common_kinds() -> None:
    text = declared(1, 3, 6, 6)
    text += line("Convolution", "c", ["x"], ["c"], CONVOLUTION % "num_output: 4")
    text += line("ReLU", "r", ["c"], ["c"]) + product("d", "c", 5) + product("e", "d", 2)
    model = with_random_weights(text)
    groups = channel_groups(model)
    first, second, third = relations_of(model)
    assert [groups[one.columns].name for one in (first, second, third)] == ["x", "c", "d"]
    assert (first.rows, second.rows) == (second.columns, third.columns)
    weights = model.blobs("c")[0].array()
    np.testing.assert_array_equal(first.taps(weights)[5], weights[:, :, 1, 2])
    # The InnerProduct reads 4 channels at 16 places: a matrix (outputs, channels) for each.
    flat = model.blobs("d")[0].array()
    assert second.taps(flat).shape == (16, 5, 4)
    np.testing.assert_array_equal(second.taps(flat)[7], flat.reshape(5, 4, 16)[:, :, 7])


def test_flattened_the_other_way_round_and_transposed_it_is_the_same_relation() -> None:
    text = declared(1, 3, 2, 2) + line("Convolution", "c", ["x"], ["c"], ONE % "num_output: 4")
    order = "permute_param { order: 0 order: 2 order: 3 order: 1 }"
    text += line("Permute", "p", ["c"], ["p"], order) + line("Flatten", "f", ["p"], ["f"])
    text += product("d", "f", 5, "transpose: true")
    model = with_random_weights(text)
    relation = relations_of(model)[1]
    flat = model.blobs("d")[0].array()
    np.testing.assert_array_equal(relation.taps(flat)[3], flat.reshape(4, 4, 5)[3].T)


ONE = "convolution_param { kernel_size: 1 %s }"


def test_parts_of_a_concat_are_relations_of_their_own_kinds() -> None:
    text = declared(1, 3, 4, 4)
    for name, outputs in (("a", 4), ("b", 6)):
        text += line("Convolution", name, ["x"], [name], ONE % f"num_output: {outputs}")
    text += line("Concat", "j", ["a", "b"], ["j"])
    text += line("Convolution", "c", ["j"], ["c"], ONE % "num_output: 5") + product("o", "c", 2)
    model = with_random_weights(text)
    first, second = [one for one in relations_of(model) if one.key == ("c", 0)]
    weights = model.blobs("c")[0].array()
    assert first.rows == second.rows
    np.testing.assert_array_equal(first.taps(weights)[0], weights[:, :4, 0, 0])
    np.testing.assert_array_equal(second.taps(weights)[0], weights[:, 4:, 0, 0])


def test_what_a_residual_sum_adds_makes_one_kind() -> None:
    text = declared(1, 3, 4, 4)
    text += line("Convolution", "a", ["x"], ["a"], ONE % "num_output: 4")
    text += line("Convolution", "b", ["a"], ["b"], ONE % "num_output: 4")
    text += line("Eltwise", "s", ["a", "b"], ["s"]) + product("o", "s", 2)
    first, within, last = relations_of(with_random_weights(text))
    assert first.rows == within.rows == within.columns == last.columns


def test_groups_of_a_convolution_are_relations_of_some_channels() -> None:
    text = declared(1, 3, 4, 4)
    text += line("Convolution", "a", ["x"], ["a"], ONE % "num_output: 4")
    text += line("Convolution", "b", ["a"], ["b"], ONE % "num_output: 6 group: 2")
    text += product("o", "b", 2)
    model = with_random_weights(text)
    first, second = [one for one in relations_of(model) if one.key == ("b", 0)]
    weights = model.blobs("b")[0].array()
    for relation, rows in ((first, slice(0, 3)), (second, slice(3, 6))):
        np.testing.assert_array_equal(relation.taps(weights)[0], weights[rows, :, 0, 0])
    assert second.column_channels.tolist() == [2, 3]
    assert second.row_channels.tolist() == [3, 4, 5]


def test_a_depthwise_convolution_relates_nothing() -> None:
    text = declared(1, 3, 4, 4)
    text += line("Convolution", "a", ["x"], ["a"], ONE % "num_output: 4")
    text += line("Convolution", "b", ["a"], ["b"], ONE % "num_output: 4 group: 4")
    text += product("o", "b", 2)
    assert [one.key[0] for one in relations_of(with_random_weights(text))] == ["a", "o"]
