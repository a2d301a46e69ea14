from __future__ import annotations

import os
import tarfile

import numpy as np
import pytest
from special_nets import ACCEPTED, REFUSED, layer
from zoo_index import pairs

from netsurgery.errors import NetsurgeryError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.schema import NetParameter
from netsurgery.formats.weights import Blob, LayerWeights, Weights, open_weights
from netsurgery.network.doctor.examination import examine
from netsurgery.network.model import Model, load

INPUT = 'layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 2 dim: 6 } } }\n'
IMAGE = (
    'layer { name: "in" type: "Input" top: "x" '
    "input_param { shape { dim: 1 dim: 4 dim: 5 dim: 5 } } }\n"
)
POWER = layer("Power", "x", "a", "power_param { scale: 2 shift: -1 }").replace("it", "power")


def product(name: str, bottom: str, top: str, param: str = "", body: str = "") -> str:
    return (
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "{bottom}" top: "{top}" {param} '
        f"inner_product_param {{ num_output: 3 {body} }} }}\n"
    )


def examined(text: str, weights=None, phase: str = "TEST"):
    return examine(Model(Prototxt.parse(text.encode()), weights), phase)


def saying(findings, words: str):
    found = [finding for finding in findings if words in finding.problem]
    assert found, [str(finding) for finding in findings]
    return found[0]


# What is wrong with a prototxt: its text, what the finding says, whether Caffe aborts.
PROTOTXTS = {
    "unknown field": (INPUT + layer("ReLU", "x", "y", "relu_parm { }"), "relu_parm", True),
    "unknown value": (
        INPUT + layer("ReLU", "x", "y", "relu_param { engine: MKL2017 }"),
        "relu_param.engine",
        True,
    ),
    "fork's field": (
        IMAGE + layer("Pooling", "x", "y", "pooling_param { kernel_size: 2 ceil_mode: false }"),
        "pooling_param.ceil_mode",
        True,
    ),
    "field of the net": ("Layer { }\n" + INPUT, "Layer", True),
    "fork's type": (INPUT + layer("Mish", "x", "y"), "'Mish'", True),
    "no type": (INPUT + layer("", "x", "y"), "layer type ''", True),
    "octal": (
        INPUT + product("p", "x", "y").replace("num_output: 3", "num_output: 010"),
        "octal number 8",
        False,
    ),
    "backslash of a path": (
        INPUT + layer("ReLU", "x", "y", 'transform_param { mean_file: "D:\\nets" }'),
        "\\n is read as a line end",
        False,
    ),
    "escaped backslash": (
        INPUT + layer("ReLU", "x", "y", 'transform_param { mean_file: "D:\\\\nets" }'),
        "",
        False,
    ),
    "unknown bottom": (INPUT + layer("ReLU", "z", "y"), "no earlier layer", True),
    "input without shape": ('input: "x"\n' + layer("ReLU", "x", "y"), "has no shape", True),
    "too many param": (INPUT + layer("ReLU", "x", "y", "param { }"), "1 param", True),
    "propagate_down": (
        INPUT + layer("ReLU", "x", "y", "propagate_down: true propagate_down: true"),
        "2 propagate_down",
        True,
    ),
    "unequal shared shapes": (
        INPUT
        + product("a", "x", "y", 'param { name: "w" }')
        + product("b", "y", "z", 'param { name: "w" }'),
        "but as 3x3 and not 3x6",
        True,
    ),
    "unequal shared counts": (
        INPUT
        + product("a", "x", "y", 'param { name: "w" }')
        + product("b", "y", "z", 'param { name: "w" share_mode: PERMISSIVE }'),
        "but as 3x3 and not 3x6",
        True,
    ),
    "unequal rates": (
        INPUT
        + product("a", "x", "y", 'param { name: "w" }')
        + product("b", "x", "z", 'param { name: "w" lr_mult: 2 }')
        + product("c", "x", "u", 'param { name: "w" lr_mult: 3 }'),
        "with lr_mult 3, where 2 was said",
        True,
    ),
    "unequal decays": (
        INPUT
        + product("a", "x", "y", 'param { name: "w" decay_mult: 0 }')
        + product("b", "x", "z", 'param { name: "w" decay_mult: 1 }'),
        "with decay_mult 1",
        True,
    ),
    "missing data": (
        layer("Data", "", "data", 'data_param { source: "nowhere" batch_size: 1 }'),
        "reads 'nowhere'",
        True,
    ),
    "repeated names": (
        INPUT + product("p", "x", "y") + product("p", "y", "z"),
        "2 layers have this name",
        False,
    ),
    "statistics of the batch": (
        IMAGE + layer("BatchNorm", "x", "y", "batch_norm_param { use_global_stats: false }"),
        "normalises by the batch",
        False,
    ),
    "kernel wider than its input": (
        IMAGE
        + layer(
            "Convolution", "x", "y", "convolution_param { num_output: 1 kernel_size: 6 stride: 2 }"
        ),
        "a kernel of 6x6 over a padded 5x5",
        False,
    ),
    "in place on a view": (
        IMAGE
        + POWER
        + layer("Flatten", "a", "f").replace("it", "flatten")
        + layer("ReLU", "f", "f").replace("it", "relu")
        + layer("Sigmoid", "a", "y"),
        "changes what 'it' reads",
        False,
    ),
}
SPOILT = {
    "Convolution": "convolution_param { num_output: 4 kernel_size: 1 weight_filler { value: 1 } }",
    "Eltwise": "",
    "InnerProduct": "inner_product_param { num_output: 5 axis: 3 weight_filler { value: 1 } }",
    "LRN": "",
    "Permute": "permute_param { order: 0 order: 1 order: 3 order: 2 }",
    "Pooling": "pooling_param { kernel_size: 3 pad: 1 }",
}


@pytest.mark.parametrize("name", sorted(PROTOTXTS))
def test_prototxts_are_judged_as_by_caffe(ask_caffe, name):
    text, words, aborts = PROTOTXTS[name]
    findings = examined(text)
    errors = [finding for finding in findings if finding.severity == "error"]
    assert bool(errors) == aborts == ("error" in ask_caffe(text)), [str(f) for f in findings]
    assert bool(findings) == bool(words)
    assert any(words in finding.problem for finding in findings) == bool(words)


@pytest.mark.parametrize("name", sorted(set(ACCEPTED) - {"kernel wider than its input"}))
def test_nothing_is_said_of_healthy_nets(name):
    findings = examined(ACCEPTED[name])
    ours = [finding for finding in findings if "no layer type 'Reverse'" not in finding.problem]
    assert [str(finding) for finding in ours] == []


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_nets_have_errors(name):
    assert any(finding.severity == "error" for finding in examined(REFUSED[name]))


@pytest.mark.parametrize("layer_type", sorted(SPOILT))
def test_layers_that_spoil_their_bottom_do(ask_caffe, tmp_path, layer_type):
    second = " p2" if layer_type == "Eltwise" else ""
    head = IMAGE + POWER + POWER.replace('"power"', '"q"').replace('"a"', '"p2"')
    values = []
    for top in ("a", "y"):
        text = head + layer(layer_type, "a" + second, top, SPOILT[layer_type])
        caffe = ask_caffe(text, forward=3, keep=tmp_path)
        place = [name for name, _ in caffe["blobs"]].index(top)
        values.append(np.load(tmp_path / f"{place}.npy"))
        if top == "a":
            assert saying(examined(text), "computes in place").severity == "warning"
    assert not np.allclose(*values)


def test_a_wish_for_cudnn_is_noted():
    text = IMAGE + layer("ReLU", "x", "y", "relu_param { engine: CUDNN }")
    assert saying(examined(text), "engine: CUDNN").severity == "note"


def weights_of(**layers) -> Weights:
    """Weights in memory from arrays by layer name."""
    return Weights.of(
        LayerWeights(name, "InnerProduct", tuple(Blob.of(array) for array in arrays))
        for name, arrays in layers.items()
    )


W, B = np.ones((3, 6), np.float32), np.ones(3, np.float32)
NET = INPUT + product("p", "x", "y") + product("q", "x", "z")
SHARING = (
    INPUT
    + product("p", "x", "y", 'param { name: "w" } param { name: "b" }')
    + product("q", "x", "z", 'param { name: "w" } param { name: "b" }')
)
NAN = np.where(np.arange(18).reshape(3, 6) == 4, np.nan, 1)
# Prototxt, weights, what the finding says, whether Caffe aborts.
WEIGHTS = {
    "fits": (NET, {"p": [W, B], "q": [W, B]}, "", False),
    "shape": (NET, {"p": [W, B], "q": [W.T, B]}, "3x6, but 6x3 in the weights", True),
    "too few": (NET, {"p": [W], "q": [W, B]}, "has 2 blobs, but 1", True),
    "too many": (NET, {"p": [W, B, W], "q": [W, B]}, "has 2 blobs, but 3", True),
    "none": (NET, {"p": [], "q": [W, B]}, "has 2 blobs, but 0", True),
    "missing": (NET, {"p": [W, B]}, "needs blobs but is not in the weights", False),
    "orphan": (NET, {"p": [W, B], "q": [W, B], "r": [W]}, "never loaded: 'r'", False),
    "not a number": (NET, {"p": [W, B], "q": [NAN, B]}, "1 NaN or infinite", False),
    "zero": (NET, {"p": [W, B], "q": [0 * W, B]}, "(weights) is all zero", False),
    "zero bias": (NET, {"p": [W, B], "q": [W, 0 * B]}, "", False),
    "copies": (SHARING, {"p": [W, B], "q": [2 * W, B]}, "copies of 'w' in 'p', 'q'", False),
    "equal copies": (SHARING, {"p": [W, B], "q": [W, B]}, "", False),
    "only the owner": (SHARING, {"p": [W, B]}, "", False),
    "slash": (NET.replace('"q"', '"q/1"'), {"p": [W, B], "q/1": [W, B]}, "as HDF5", False),
    "no groups": (
        IMAGE
        + layer("Convolution", "x", "y", "convolution_param { num_output: 4 kernel_size: 1 }"),
        {"it": [np.ones((4, 2, 1, 1)), np.ones(4)]},
        "4x4x1x1, but 4x2x1x1",
        True,
    ),
    "factor 0": (
        IMAGE + layer("BatchNorm", "x", "y"),
        {"it": [np.ones(4), np.ones(4), np.zeros(1)]},
        "scale factor) is 0",
        False,
    ),
    "negative variance": (
        IMAGE + layer("BatchNorm", "x", "y"),
        {"it": [np.ones(4), -np.ones(4), np.ones(1)]},
        "variance) goes down to -1",
        False,
    ),
    "batch norm of a fork": (
        IMAGE + layer("BatchNorm", "x", "y"),
        {"it": [np.ones(4), np.ones(4), np.ones(1), np.ones(4), np.ones(4)]},
        "has 3 blobs, but 5",
        True,
    ),
}


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_weights_are_judged_as_by_caffe(ask_caffe, tmp_path, name):
    text, layers, words, aborts = WEIGHTS[name]
    path = tmp_path / "net.caffemodel"
    weights_of(**layers).write(path)
    findings = examined(text, open_weights(path))
    errors = [finding for finding in findings if finding.severity == "error"]
    assert bool(errors) == aborts == ("error" in ask_caffe(text, weights=path))
    wrong = [str(finding) for finding in findings if "saved as" not in finding.problem]
    assert bool(wrong) == bool(words), wrong
    assert any(words in finding for finding in wrong) == bool(words), wrong


def test_remedies_name_what_would_fit():
    text, layers, *_ = WEIGHTS["missing"]
    findings = examined(text, weights_of(**layers, other=[W, B]))
    assert "'other'" in saying(findings, "keeps its filler values").remedy
    text, layers, words, _ = WEIGHTS["no groups"]
    assert "group: 2" in saying(examined(text, weights_of(**layers)), words).remedy
    text, layers, words, _ = WEIGHTS["too many"]
    assert "masks" in saying(examined(text, weights_of(**layers)), words).remedy


def test_blobs_with_only_a_diff_are_empty_to_caffe(ask_caffe, tmp_path):
    net = NetParameter()
    saved = net.layer.add(name="p", type="InnerProduct")
    for array in (W, B):
        saved.blobs.add(diff=array.ravel().tolist()).shape.dim.extend(array.shape)
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net.SerializeToString())
    text = INPUT + product("p", "x", "y")
    assert "error" in ask_caffe(text, weights=path)
    assert saying(examined(text, open_weights(path)), "empty to stock Caffe").severity == "error"


def test_a_repeated_layer_of_the_file_wins_at_last(ask_caffe, tmp_path):
    path = tmp_path / "net.caffemodel"
    one, two = (weights_of(p=[factor * W, B]) for factor in (1, 2))
    other = weights_of(q=[W, B])
    Weights.of([*other.layers, *one.layers, *two.layers]).write(path)
    text = NET
    caffe = ask_caffe(text, weights=path, forward=1, keep=tmp_path)
    place = [name for name, _ in caffe["blobs"]].index("y")
    x = np.random.RandomState(1).rand(2, 6)
    np.testing.assert_allclose(np.load(tmp_path / f"{place}.npy"), x @ (2 * W.T) + B, rtol=1e-5)
    assert "Caffe loads the last" in saying(examined(text, open_weights(path)), "times").problem


def test_names_with_a_slash_are_not_found_in_hdf5(ask_caffe, tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "net.caffemodel.h5"
    with h5py.File(path, "w") as file:
        for name in ("p", "q/1"):
            for index, array in enumerate((2 * W, B)):
                file.create_dataset(f"data/{name}/{index}", data=array, dtype="f4")
    text = NET.replace('"q"', '"q/1"')
    assert saying(examined(text, open_weights(path)), "never loaded from HDF5").layer is None
    caffe = ask_caffe(text, weights=path, forward=1, keep=tmp_path)
    blobs = {name: np.load(tmp_path / f"{i}.npy") for i, (name, _) in enumerate(caffe["blobs"])}
    assert blobs["y"].any()
    assert not blobs["z"].any()


def test_two_gibibytes_are_too_much(tmp_path):
    path = tmp_path / "net.caffemodel"
    weights_of(p=[W, B]).write(path)
    weights = open_weights(path)
    os.truncate(path, 2**31)  # A hole: it takes no room.
    finding = saying(examined(INPUT + product("p", "x", "y"), weights), "2,147,483,648 bytes")
    assert finding.severity == "error"


def test_layers_of_the_other_phase_are_noted():
    text = NET.replace('name: "q" type', 'name: "q" include { phase: TRAIN } type')
    findings = examined(text, weights_of(p=[W, B], q=[W, B]))
    assert saying(findings, "built in the phase TRAIN only").severity == "note"
    assert saying(findings, "not built in this phase").severity == "note"


def test_the_zoo_is_judged_as_by_caffe(zoo):
    judged = 0
    for pair in pairs(zoo):
        findings = examine(load(pair.prototxt, pair.weights))
        errors = [
            finding
            for finding in findings
            # This build of Caffe has the Permute of the SSD fork.
            if finding.severity == "error" and "'Permute'" not in finding.problem
        ]
        assert bool(errors) != pair.caffe, (pair, [str(finding) for finding in errors])
        judged += 1
    assert judged > 35


@pytest.mark.parametrize(
    ("folder", "weights", "words"),
    [
        ("mtcnn_cholihao_det2", "det2.caffemodel", "32x3x3x3, but 28x3x3x3 in the weights"),
        ("autopruning_lenet", "pruning_iter_35000.caffemodel", "has 2 blobs, but 3"),
        ("mtcnn_cvdnn_det2", "det2.fp16.caffemodel", "16 blobs are empty to stock Caffe"),
        ("hyperlpr_mininet_ssd", "mininet_ssd_v1.caffemodel", "no layer type 'PriorBox'"),
    ],
)
def test_known_trouble_of_the_zoo(zoo, folder, weights, words):
    findings = examine(load(zoo / folder / "deploy.prototxt", zoo / folder / weights))
    assert findings[0].severity == "error"
    saying(findings, words)


def test_the_corpus_is_examined_without_a_crash(shared):
    examined_nets = 0
    with tarfile.open(shared / "prototxts.tar.xz") as archive:
        for member in archive.getmembers()[::6]:
            stream = archive.extractfile(member)
            try:
                prototxt = Prototxt.parse(stream.read() if stream else b"", member.name)
            except NetsurgeryError:
                continue
            for finding in examine(Model(prototxt)):
                assert "\n" not in str(finding)
            examined_nets += 1
    assert examined_nets > 80
