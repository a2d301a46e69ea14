"""What a faulty writer would leave is found in the files alone, whatever their form."""

from __future__ import annotations

import mmap
from dataclasses import replace
from pathlib import Path
from typing import Callable, Optional

import numpy as np
import pytest
from hypothesis import given, strategies as st
from small_models import make_model

from netsurgery.engine import engine
from netsurgery.formats.convert import convert_weights
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.weights import Blob, LayerWeights, Weights, open_weights
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.methods import Edit
from netsurgery.network.model import Model, load
from netsurgery.planning import Plan
from netsurgery.surgery import operate
from netsurgery.verification.written import Written, compare_written

NET = """\
name: "net"
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 2 dim: 3 dim: 6 dim: 6 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "norm" type: "BatchNorm" bottom: "conv" top: "norm" }
layer { name: "slope" type: "PReLU" bottom: "norm" top: "slope" }
layer { name: "fc" type: "InnerProduct" bottom: "slope" top: "fc"
        inner_product_param { num_output: 9 } }
layer { name: "out" type: "InnerProduct" bottom: "fc" top: "out"
        inner_product_param { num_output: 9 } }
"""
PLAN = Plan((Edit("fc", "svd", {"rank": 3}),))
Change = Callable[[list[LayerWeights]], list[LayerWeights]]


def drawn(double: bool = False) -> Model:
    random = np.random.default_rng(0)
    shapes = {
        "conv": [(4, 3, 3, 3), (4,)],
        "norm": [(4,), (4,), (1,)],
        "slope": [(4,)],
        "fc": [(9, 64), (9,)],
        "out": [(9, 9), (9,)],
    }
    blobs = {name: [random.random(shape) for shape in each] for name, each in shapes.items()}
    if not double:
        return make_model(NET, blobs)
    layers = [
        LayerWeights(name, None, tuple(Blob.of(array, storage="float64") for array in each))
        for name, each in blobs.items()
    ]
    return Model(Prototxt.parse(NET.encode()), Weights.of(layers))


@pytest.fixture(params=["caffemodel", "double", "V1", "hdf5"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    """A pair on the disk, in one of the forms there are."""
    found = drawn(request.param == "double")
    weights = found.weights
    if request.param == "hdf5":
        weights = convert_weights(found.weights, "hdf5")
    if request.param == "V1":
        weights = Weights.of(weights.layers, version="V1")
    (tmp_path / "in").mkdir()
    return load(*Model(found.prototxt, weights).save(tmp_path / "in"))


def examined(
    model: Model, folder: Path, spoil: Optional[Change] = None, text: tuple[str, str] = ("", "")
) -> Written:
    """What is said of a pair that a writer spoilt."""
    surgery = operate(model, PLAN)
    made = surgery.model
    layers = list(made.weights.layers)
    parts = [part for part in made.weights._parts if not isinstance(part, LayerWeights)]
    changed = Weights(
        [*parts, *(spoil(layers) if spoil else layers)],
        name=made.weights.name,
        version=made.weights.version,
        format=made.weights.format,
    )
    source = made.prototxt.data.replace(*(word.encode() for word in text))
    pair = Model(Prototxt.parse(source), changed).save(folder / "out")
    return compare_written(model, made, load(*pair), surgery.touched)


def test_what_was_meant(model: Model, tmp_path: Path) -> None:
    found = examined(model, tmp_path)
    assert found, found.reasons
    assert (found.untouched, found.made) == (8, 3)


def on(name: str, index: int, change: Callable[[np.ndarray], np.ndarray]) -> Change:
    def spoil(layers: list[LayerWeights]) -> list[LayerWeights]:
        return [spoilt(layer) if layer.name == name else layer for layer in layers]

    def spoilt(layer: LayerWeights) -> LayerWeights:
        blobs = list(layer.blobs)
        array = change(blobs[index].array(blobs[index].storage).copy())
        blobs[index] = Blob.of(array, storage=blobs[index].storage)
        return LayerWeights(layer.name, layer.type, tuple(blobs))

    return spoil


def nudged(array: np.ndarray) -> np.ndarray:
    array.flat[-1] = np.nextafter(array.flat[-1], array.dtype.type(np.inf))
    return array


@pytest.mark.parametrize(
    ("layer", "blob", "change"),
    [
        ("fc_U", 1, np.zeros_like),
        ("fc_U", 0, nudged),
        ("fc_L", 0, lambda a: a[::-1]),
        ("fc_L", 0, lambda a: a.reshape(a.shape[::-1])),
        ("out", 0, np.transpose),
        ("out", 0, lambda a: a[::-1]),
        ("out", 0, nudged),
        ("out", 1, np.zeros_like),
        ("norm", 2, lambda a: a * 2),
        ("slope", 0, lambda a: -a),
        ("conv", 0, lambda a: np.concatenate([a[2:], a[:2]])),
        ("conv", 0, lambda a: a[..., ::-1]),
    ],
)
def test_a_blob_that_is_not_right(
    layer: str, blob: int, change: Callable, model: Model, tmp_path: Path
) -> None:
    found = examined(model, tmp_path, on(layer, blob, change))
    (reason,) = found.reasons
    assert reason.startswith(f"written blob {blob} of layer {layer!r} has ")
    assert found.untouched + found.made == 10


def without(name: str) -> Change:
    return lambda layers: [layer for layer in layers if layer.name != name]


def swapped(a: str, b: str) -> Change:
    names = {a: b, b: a}
    return lambda layers: [
        LayerWeights(names.get(layer.name, layer.name), layer.type, layer.blobs) for layer in layers
    ]


@pytest.mark.parametrize(
    "spoil",
    [
        without("fc_U"),
        without("slope"),
        swapped("norm", "conv"),
        lambda layers: [*layers, LayerWeights("more", "InnerProduct", layers[0].blobs)],
        lambda layers: [
            LayerWeights(each.name, each.type, each.blobs[: 1 + (each.name != "out")])
            for each in layers
        ],
        lambda layers: [
            LayerWeights(
                each.name, each.type, each.blobs[::-1] if each.name == "norm" else each.blobs
            )
            for each in layers
        ],
    ],
)
def test_layers_that_are_not_right(spoil: Change, model: Model, tmp_path: Path) -> None:
    assert examined(model, tmp_path, spoil).reasons


def test_layers_in_another_order(tmp_path: Path) -> None:
    found = examined(drawn(), tmp_path, lambda layers: layers[::-1])
    assert found.reasons == ("the layers of the written weights stand in another order",)


@pytest.mark.parametrize(
    ("old", "new", "layer"),
    [
        ("kernel_size: 3", "kernel_size: 3 ", "conv"),
        ("kernel_size: 3", "kernel_size: 3 stride: 2", "conv"),
        ('top: "out"', 'top: "scores"', "out"),
        ('type: "PReLU"', 'type: "ReLU"', "slope"),
    ],
)
def test_text_that_is_not_right(old: str, new: str, layer: str, tmp_path: Path) -> None:
    (reason,) = examined(drawn(), tmp_path, text=(old, new)).reasons
    assert reason.startswith("the written prototxt is not what surgery made: line ")
    assert reason.endswith(f"in layer {layer!r}")


def test_double_precision_is_not_given_up(tmp_path: Path) -> None:
    double = drawn(double=True)
    single = [
        LayerWeights(each.name, each.type, tuple(Blob.of(blob.array()) for blob in each.blobs))
        for each in double.weights.layers
    ]
    found = examined(double, tmp_path, lambda layers: [*single[:3], *layers[3:]])
    assert any("is stored as float32, not as float64" in reason for reason in found.reasons)


@given(st.data())
def test_no_bit_of_the_weights_is_free(data: st.DataObject) -> None:
    """Any bit of any number, in what is written, makes the pair another one."""
    surgery = operate(drawn(), PLAN)
    layers = list(surgery.model.weights.layers)
    place = data.draw(st.integers(0, len(layers) - 1))
    blobs = [blob.array().copy() for blob in layers[place].blobs]
    bits = blobs[data.draw(st.integers(0, len(blobs) - 1))].reshape(-1).view(np.uint32)
    bits[data.draw(st.integers(0, bits.size - 1))] ^= np.uint32(1 << data.draw(st.integers(0, 31)))
    layers[place] = replace(layers[place], blobs=tuple(map(Blob.of, blobs)))
    written = Model(surgery.model.prototxt, Weights.of(layers))
    assert len(compare_written(drawn(), surgery.model, written, surgery.touched).reasons) == 1


SHARING = NET.replace(
    'layer { name: "out"',
    'layer { name: "again" type: "InnerProduct" bottom: "fc" top: "again" param { name: "w" } '
    'inner_product_param { num_output: 9 bias_term: false } }\nlayer { name: "out"',
).replace('top: "out"\n', 'top: "out" param { name: "w" }\n')


@pytest.mark.parametrize("form", ["caffemodel", "hdf5", "shared"])
def test_pycaffe_writes_what_was_meant(
    form: str, tmp_path: Path, caffe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = drawn()
    if form == "shared":
        weights = model.weights.layers
        again = LayerWeights("again", None, weights[-1].blobs[:1])
        model = Model(Prototxt.parse(SHARING.encode()), Weights.of([*weights, again]))
    if form == "hdf5":
        model = Model(model.prototxt, convert_weights(model.weights, "hdf5"))
    (tmp_path / "in").mkdir()
    model = load(*model.save(tmp_path / "in"))
    writer = engine("caffe")
    done = write_proved(model, PLAN, tmp_path / "out", Proof(wanted=False), writer=writer)
    assert done, done.reasons
    assert (done.written.untouched, done.written.made) == (8 + (form == "shared"), 3)

    from netsurgery.engine.caffe import CaffeSession

    set_parameters = CaffeSession.set_parameters
    monkeypatch.setattr(
        CaffeSession,
        "set_parameters",
        lambda self, new: set_parameters(
            self, {name: [array * (name != "fc_U") for array in each] for name, each in new.items()}
        ),
    )
    done = write_proved(model, PLAN, tmp_path / "bad", Proof(wanted=False), writer=writer)
    assert [reason.split(" has ")[0] for reason in done.reasons[:2]] == [
        "written blob 0 of layer 'fc_U'",
        "written blob 1 of layer 'fc_U'",
    ]


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="of Linux")
def test_what_was_read_of_a_file_is_taken_out_of_memory(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    numbers = random.normal(size=(4096, 1024)).astype(np.float32)  # 16 MB
    weights = Weights.of([LayerWeights("fc", None, (Blob.of(numbers),))])
    weights.write(tmp_path / "net.caffemodel")
    mapped = open_weights(tmp_path / "net.caffemodel")

    def resident() -> int:
        """Kilobytes of the file that are in memory of this process."""
        text = Path("/proc/self/smaps").read_text().split(str(tmp_path / "net.caffemodel"))[1:]
        return sum(int(part.split("Rss:")[1].split()[0]) for part in text)

    assert mapped.blobs("fc")[0].array().sum() == pytest.approx(numbers.sum(), rel=1e-3)
    assert resident() > 16000
    mapped.let_go()
    assert resident() < 1000
    assert sum(block.size for block in mapped.blobs("fc")[0].blocks()) == numbers.size
    assert resident() < 1000
    np.testing.assert_array_equal(mapped.blobs("fc")[0].array(), numbers)
