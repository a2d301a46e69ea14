from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_models import decaying, make_model, two_layers

from netsurgery.engine import engine
from netsurgery.errors import PlanError
from netsurgery.formats.blob import Blob, Held
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.weights import LayerWeights, Weights
from netsurgery.methods import Context, Edit, low_rank_method, method
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import apply, operate

# One float32 rounding is 6e-8; the inner products here add up to 72 terms, twice over.
FLOAT_NOISE = 2e-6

SHAPES = {"axis 1": (2, 3, 4, 6), "rows": (4, 5, 6, 12)}
INPUTS = """
input: "axis 1" input_shape { dim: 2 dim: 3 dim: 4 dim: 6 }
input: "rows" input_shape { dim: 4 dim: 5 dim: 6 dim: 12 }
"""
# name: (bottom, inner_product_param without num_output, number of inputs)
VARIANTS = {
    "plain": ("axis 1", "", 72),
    "no bias": ("axis 1", "bias_term: false", 72),
    "transposed": ("axis 1", "transpose: true", 72),
    "transposed no bias": ("axis 1", "transpose: true bias_term: false", 72),
    "axis 2": ("rows", "axis: 2", 72),
    "last axis": ("rows", "axis: -1", 12),
    "second to last axis": ("rows", "axis: -2", 72),
    "all axes": ("axis 1", "axis: 0", 144),
    "square transposed": ("rows", "axis: 3 transpose: true", 12),
}


def every_variant() -> Model:
    """A net with one InnerProduct of each kind, side by side."""
    random = np.random.default_rng(0)
    text, blobs = INPUTS, {}
    for seed, (name, (bottom, parameter, inputs)) in enumerate(VARIANTS.items()):
        text += (
            f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{name}" '
            f"inner_product_param {{ num_output: 12 {parameter} }} }}\n"
        )
        matrix = decaying(12, inputs, seed, 0.8)
        arrays = [matrix.T if "transpose" in parameter else matrix, random.normal(size=12)]
        blobs[name] = arrays[: 1 if "false" in parameter else 2]
    return make_model(text, blobs)


def run(model: Model, folder: Path, caffe_python: str) -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)
    paths = model.save(folder / "deploy.prototxt", folder / "net.caffemodel")
    with engine("caffe", python=caffe_python).open(*paths) as session:
        given = {name: random.normal(size=shape) for name, shape in session.inputs.items()}
        return session.forward(given)


def at_rank(model: Model, rank: int, **options: object) -> Plan:
    names = [layer.name for layer in model.prototxt.layers if layer.type == "InnerProduct"]
    return Plan(tuple(Edit(name, "svd", {"rank": rank, **options}) for name in names))


@pytest.mark.parametrize("split", ["first", "sqrt"])
def test_full_rank_gives_equal_outputs_in_real_caffe(
    split: str, tmp_path: Path, caffe_python: str
) -> None:
    model = every_variant()
    thin = apply(model, at_rank(model, 12, split=split))
    before, after = run(model, tmp_path, caffe_python), run(thin, tmp_path, caffe_python)
    assert before.keys() == after.keys() == VARIANTS.keys()
    for name, expected in before.items():
        error = np.abs(after[name] - expected).max() / np.abs(expected).max()
        assert error < FLOAT_NOISE, name


def test_a_truncated_pair_gives_what_its_product_gives_in_real_caffe(
    tmp_path: Path, caffe_python: str
) -> None:
    surgery = operate(every_variant(), at_rank(every_variant(), 3))
    twin = run(surgery.twin(), tmp_path, caffe_python)
    after = run(surgery.model, tmp_path, caffe_python)
    for name, expected in twin.items():
        assert np.abs(after[name] - expected).max() / np.abs(expected).max() < FLOAT_NOISE, name


def test_the_error_is_the_tail_of_the_spectrum() -> None:
    model = every_variant()
    surgery = operate(model, at_rank(model, 4))
    measured = surgery.errors(surgery.twin())
    for step in surgery.steps:
        name = step.rewrite.edit.layer
        values = np.linalg.svd(model.blobs(name)[0].array().astype(float), compute_uv=False)
        tail = np.linalg.norm(values[4:]) / np.linalg.norm(values)
        assert step.rewrite.errors[name] == pytest.approx(tail, rel=1e-5)
        assert measured[name] == pytest.approx(tail, rel=1e-5)


def test_the_pair_stands_where_the_layer_was_and_nothing_else_moves() -> None:
    model = two_layers()
    thin = apply(model, Plan((Edit("fc6", "svd", {"rank": 4}),)))
    before = {layer.name: layer.text for layer in model.prototxt.layers}
    after = {layer.name: layer.text for layer in thin.prototxt.layers}
    assert list(after) == ["data", "fc6_L", "fc6_U", "relu6", "fc7"]
    assert all(after[name] == before[name] for name in ("data", "relu6", "fc7"))
    assert b"# the input\n" in thin.prototxt.data
    first, second = thin.prototxt.layers[1:3]
    assert (first.bottoms, first.tops) == (("data",), ("fc6_L",))
    assert (second.bottoms, second.tops) == (("fc6_L",), ("fc6",))
    assert [blob.shape for blob in thin.blobs("fc6_L")] == [(4, 48)]
    assert [blob.shape for blob in thin.blobs("fc6_U")] == [(32, 4), (32,)]
    assert thin.blobs("fc6") == ()


def test_what_training_needs_is_carried() -> None:
    thin = apply(two_layers(), Plan((Edit("fc6", "svd", {"rank": 4}),)))
    first, second = (layer.parameter for layer in thin.prototxt.layers[1:3])
    assert [(p.lr_mult, p.decay_mult) for p in first.param] == [(1, 1)]
    assert [(p.lr_mult, p.decay_mult) for p in second.param] == [(1, 1), (2, 0)]
    for parameter in (first.inner_product_param, second.inner_product_param):
        assert parameter.weight_filler.std == pytest.approx(0.005)
    assert not first.inner_product_param.HasField("bias_filler")
    assert second.inner_product_param.bias_filler.value == 1


def test_rules_of_inclusion_and_fields_of_forks_are_carried_to_both() -> None:
    text = """
    layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 8 } } }
    layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" loss_weight: 2
            include { phase: TEST } engine: "MKLDNN"
            inner_product_param { num_output: 8 workspace_limit: 5 } }
    """
    model = make_model(text, {"fc": [np.eye(8), np.zeros(8)]})
    first, second = apply(model, at_rank(model, 2)).prototxt.layers[1:]
    for layer in (first, second):
        assert layer.parameter.include[0].phase == 1
        assert set(layer.unknown) == {"engine", "inner_product_param.workspace_limit"}
    assert list(first.parameter.loss_weight) == []
    assert list(second.parameter.loss_weight) == [2]


SHARED = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 3 dim: 8 } } }
layer { name: "y" type: "Input" top: "y" input_param { shape { dim: 3 dim: 8 } } }
layer { name: "a" type: "InnerProduct" bottom: "x" top: "a" param { name: "w" lr_mult: 3 }
        param { name: "b" } inner_product_param { num_output: 6 } }
layer { name: "a2" type: "InnerProduct" bottom: "y" top: "a2" param { name: "w" lr_mult: 3 }
        param { name: "b" } inner_product_param { num_output: 6 } }
"""


def test_layers_that_share_weights_are_rewritten_once(tmp_path: Path, caffe_python: str) -> None:
    arrays = [decaying(6, 8), np.arange(6)]
    model = make_model(SHARED, {"a": arrays, "a2": arrays})
    surgery = operate(model, Plan((Edit("a2", "svd", {"rank": 2}),)))
    layers = {layer.name: layer.parameter for layer in surgery.model.prototxt.layers}
    assert list(layers) == ["x", "y", "a_L", "a_U", "a2_L", "a2_U"]
    assert {layers[name].param[0].name for name in ("a_L", "a2_L")} == {"w_L"}
    assert {layers[name].param[0].name for name in ("a_U", "a2_U")} == {"w_U"}
    assert {layers[name].param[1].name for name in ("a_U", "a2_U")} == {"b"}
    assert layers["a2_L"].param[0].lr_mult == 3
    twin = run(surgery.twin(), tmp_path, caffe_python)
    after = run(surgery.model, tmp_path, caffe_python)
    for name, expected in twin.items():
        assert np.abs(after[name] - expected).max() / np.abs(expected).max() < FLOAT_NOISE


def test_of_shared_weights_that_differ_in_the_file_the_last_count() -> None:
    first, last = decaying(6, 8, 1), decaying(6, 8, 2, decay=0.5)
    model = make_model(SHARED, {"a": [first, np.zeros(6)], "a2": [last, np.zeros(6)]})
    (values,) = low_rank_method("svd").tradeoff(model, "a").energies.spectra
    assert np.allclose(values, np.linalg.svd(last, compute_uv=False))
    assert not np.allclose(values, np.linalg.svd(first, compute_uv=False), atol=1e-3)


def test_shared_weights_used_in_two_ways_are_refused() -> None:
    text = "transpose: true }".join(SHARED.rsplit("}", 2)[:1] + ["}"]) + "\n"
    model = make_model(text, {"a": [np.eye(6), np.zeros(6)], "a2": [np.eye(6), np.zeros(6)]})
    with pytest.raises(PlanError, match=r"shares its weights with 'a2'.* in another form"):
        method("svd").rewrite(model, Edit("a", "svd", {"rank": 2}), Context(model))


V1 = """
input: "data" input_dim: 2 input_dim: 8 input_dim: 1 input_dim: 1
layers { name: "ip" type: INNER_PRODUCT bottom: "data" top: "ip" blobs_lr: 1 blobs_lr: 2
         weight_decay: 1 weight_decay: 0
         inner_product_param { num_output: 6 weight_filler { type: "xavier" } } }
layers { name: "relu" type: RELU bottom: "ip" top: "ip" }
"""


def make_legacy(text: str, version: str) -> Model:
    """A net of one InnerProduct whose blobs have four axes, as files before 2014 store them."""
    arrays = [decaying(6, 8).reshape(1, 1, 6, 8), np.arange(6, dtype="f4").reshape(1, 1, 1, 6)]
    blobs = tuple(Blob(array.shape, Held(array), legacy=True) for array in arrays)
    weights = Weights.of([LayerWeights("ip", "InnerProduct", blobs)], version=version)
    return Model(Prototxt.parse(text.encode()), weights)


def test_a_v1_net_keeps_its_form(tmp_path: Path, caffe_python: str) -> None:
    model = make_legacy(V1, "V1")
    surgery = operate(model, at_rank(model, 6))
    assert surgery.model.prototxt.version == "V1"
    assert surgery.model.weights.version == "V1"
    first, second = surgery.model.prototxt.layers[:2]
    assert first.field_texts("blobs_lr", "weight_decay") == (b"blobs_lr: 1", b"weight_decay: 1")
    assert len(second.field_texts("blobs_lr", "weight_decay")) == 4
    before = run(model, tmp_path, caffe_python)["ip"]
    after = run(surgery.model, tmp_path, caffe_python)["ip"]
    assert np.abs(after - before).max() / np.abs(before).max() < FLOAT_NOISE


V0 = """
name: "old" input: "data" input_dim: 2 input_dim: 8 input_dim: 1 input_dim: 1
layers { layer { name: "ip" type: "innerproduct" num_output: 6 blobs_lr: 1. blobs_lr: 2.
         weight_filler { type: "xavier" } } bottom: "data" top: "ip" }
"""


def test_a_v0_net_is_upgraded_first(tmp_path: Path, caffe_python: str) -> None:
    model = make_legacy(V0, "V0")
    thin = apply(model, at_rank(model, 6))
    assert thin.prototxt.version == "V2"
    before, after = run(model, tmp_path, caffe_python), run(thin, tmp_path, caffe_python)
    assert np.abs(after["ip"] - before["ip"]).max() / np.abs(before["ip"]).max() < FLOAT_NOISE


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        apply(every_variant(), at_rank(every_variant(), 4)).save(tmp_path / folder)
    for name in ("deploy.prototxt", "weights.caffemodel"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_names_in_any_encoding_survive(tmp_path: Path) -> None:
    text = (
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 8 } } }\n'
        'layer { name: "全" type: "InnerProduct" bottom: "x" top: "全" '
        "inner_product_param { num_output: 8 } }\n"
    ).encode("gbk")
    name = "全".encode("gbk").decode("utf-8", "surrogateescape")
    model = make_model("layer { }", {name: [np.eye(8), np.zeros(8)]})
    thin = apply(
        Model(Prototxt.parse(text), model.weights), Plan((Edit(name, "svd", {"rank": 2}),))
    )
    thin.save(tmp_path)
    assert "全_L".encode("gbk") in thin.prototxt.data
    assert "全_U".encode("gbk") in (tmp_path / "weights.caffemodel").read_bytes()
    assert thin.prototxt.data.startswith(text.split(b"\n")[0])


def test_a_folder_of_own_templates_is_used(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "prototxt_templates" / "inner_product_pair.prototxt"
    (tmp_path / shipped.name).write_text("# ours\n" + shipped.read_text())
    model = two_layers()
    thin = apply(model, at_rank(model, 2, templates=str(tmp_path)))
    assert thin.prototxt.data.count(b"# ours") == 2


def refuse(model: Model, complaint: str, layer: str = "fc6", **options: object) -> None:
    with pytest.raises(PlanError, match=complaint):
        apply(model, Plan((Edit(layer, "svd", {"rank": 2, **options}),)))


@pytest.mark.parametrize("rank", [0, 33, "2", 2.0, True, None])
def test_a_rank_that_is_none_is_refused(rank: object) -> None:
    refuse(two_layers(), "is not a whole number from 1 to 32", rank=rank)


def test_options_that_mean_nothing_are_refused() -> None:
    refuse(two_layers(), "has no option 'ranks'; it takes rank", ranks=3)
    refuse(two_layers(), "split 'none' is not one of", split="none")
    refuse(two_layers(), "are not two different texts", suffixes=["_a", "_a"])
    refuse(two_layers(), "are not two different texts", suffixes="_L")


def test_a_layer_that_is_not_there_or_not_an_inner_product_is_refused() -> None:
    refuse(two_layers(), "'fc9': there is no such layer; layers with weights are fc6, fc7", "fc9")
    refuse(two_layers(), "it is of type ReLU; svd takes InnerProduct", "relu6")


def test_a_name_that_is_taken_is_refused() -> None:
    model = two_layers()
    text = model.prototxt.data.replace(b'"relu6"', b'"fc6_L"')
    refuse(Model(Prototxt.parse(text), model.weights), "called 'fc6_L'; choose other suffixes")


def refuse_blobs(complaint: str, **blobs: list[np.ndarray]) -> None:
    """The method itself refuses, whoever calls it."""
    model = make_model(two_layers().prototxt.data.decode(), blobs)
    with pytest.raises(PlanError, match=complaint):
        method("svd").rewrite(model, Edit("fc6", "svd", {"rank": 2}), Context(model))


def test_weights_that_do_not_fit_the_prototxt_are_refused() -> None:
    good, bias = decaying(32, 48), np.zeros(32)
    refuse_blobs("hold 1 blobs, the prototxt asks for 2", fc6=[good])
    refuse_blobs("hold 4 blobs .masks of a pruning fork", fc6=[good, bias, good, bias])
    refuse_blobs(r"shape \(31, 48\), the prototxt says num_output: 32", fc6=[good[:31], bias])
    refuse_blobs("the prototxt says num_output: 32", fc6=[good.reshape(2, 16, 48), bias])
    refuse_blobs("the prototxt says num_output: 32", fc6=[good.ravel(), bias])
    refuse_blobs("hold no blobs for it", fc7=[good])


def test_weights_that_are_not_finite_are_refused() -> None:
    spoilt = decaying(32, 48)
    spoilt[3, 5] = np.nan
    refuse_blobs("(?i)nan", fc6=[spoilt, np.zeros(32)])
