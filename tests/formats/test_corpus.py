"""All prototxts of the shared corpus: read, written back, edited, or rightly refused."""

from __future__ import annotations

import random
import re
import tarfile
from pathlib import Path
from typing import Optional

import pytest
from google.protobuf import text_format

from netsurgery.errors import FormatError
from netsurgery.formats.prototxt.document import LayerText, Prototxt
from netsurgery.formats.schema import NetParameter, SolverParameter

Corpus = dict[str, bytes]

# What is refused besides solvers, looked at one by one: file, line, column, reason.
REFUSED = [
    (  # A broken solver: `display: 100layer {`, and so no net for Caffe either.
        "GongCheng1919__Quantitative-and-ternary-caffe-for-network-compression/examples/cifar10/"
        "cifar10_full_solver_compress_conv.prototxt",
        (7, 12),
        "a malformed or misplaced number (`100layer`)",
    ),
    (  # Templates that a shell script fills in before Caffe sees them.
        "TheLegendAli__DeepLab-Context/voc12/config/vgg128_noup/test.prototxt",
        (400, 17),
        "a placeholder of a template is not filled in (`${NUM_LABELS}`)",
    ),
    (
        "TheLegendAli__DeepLab-Context/voc12/config/vgg128_noup/train.prototxt",
        (473, 17),
        "a placeholder of a template is not filled in (`${NUM_LABELS}`)",
    ),
    # Configurations of the Vitis AI library, of another schema.
    *(
        (f"Xilinx__Vitis-AI/{path}.prototxt", (1, 1), "no layer: the file holds only model")
        for path in (
            "examples/ofa/ofa_resnet50/resnet50_dump",
            "src/vai_library/general1/test/sample",
            "src/vai_library/xnnpp/src/medicaldetection/RefineDet_Medical",
        )
    ),
]
# Nets with a layer that Caffe refuses for its types: V1's `type: DROPOUT` in a V2 layer.
BAD_LAYERS = {
    "GongCheng1919__Quantitative-and-ternary-caffe-for-network-compression/examples/cifar10/"
    "vgg11.prototxt": (260, 9)
}
FILES, NETS, SOLVERS, LAYERS = 968, 591, 371, 71_821
# Above this size the edits of a file are made all at once: each reads the whole file again.
ONE_BY_ONE = 20_000
RENAMED = "renamed by the test"

NO_CODE = re.compile(rb"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|#[^\n]*")
BRACE_OR_LAYER = re.compile(rb"[{}<>]|\blayers?\b(?=\s*:?\s*[{<])")


@pytest.fixture(scope="module")
def corpus(shared: Path) -> Corpus:
    """Every file by its path in the archive."""
    with tarfile.open(shared / "prototxts.tar.xz") as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        found = {name: file.read() for name, file in files.items() if file}
    return {name.split("prototxts/", 1)[-1]: data for name, data in found.items()}


@pytest.fixture(scope="module")
def nets(corpus: Corpus) -> dict[str, Prototxt]:
    """What can be read."""
    read = {}
    for name, data in corpus.items():
        try:
            read[name] = Prototxt.parse(data, name)
        except FormatError as error:
            assert error.line  # noqa: PT017
            assert error.column  # noqa: PT017
    return read


def count_layers(data: bytes) -> int:
    """Blocks called layer or layers that stand in no other, counted without a parser."""
    depth = count = 0
    for found in BRACE_OR_LAYER.finditer(NO_CODE.sub(b" ", data)):
        word = found.group()
        if word in b"{<":
            depth += 1
        elif word in b"}>":
            depth -= 1
        else:
            count += depth == 0
    return count


def solver_in(data: bytes) -> Optional[str]:
    """The net a file names, or "", if protobuf finds in it what only a solver has."""
    try:
        solver = text_format.Parse(data, SolverParameter(), allow_unknown_field=True)
    except text_format.ParseError:
        return None
    known = NetParameter.DESCRIPTOR.fields_by_name
    if not any(field.name not in known for field, _ in solver.ListFields()):
        return None
    return str(solver.net or solver.train_net or next(iter(solver.test_net), ""))


def test_the_corpus_is_whole(corpus: Corpus, nets: dict[str, Prototxt]) -> None:
    assert len(corpus) == FILES
    assert len(nets) == NETS
    assert len(REFUSED) + SOLVERS + NETS == FILES


def test_every_net_is_read_with_all_its_layers_and_kept_to_the_byte(
    corpus: Corpus, nets: dict[str, Prototxt]
) -> None:
    assert {name for name, data in corpus.items() if count_layers(data)} - set(nets) == {
        REFUSED[index][0] for index in (1, 2)
    }
    for name, net in nets.items():
        assert bytes(net) == corpus[name]
        assert len(net.layers) == count_layers(corpus[name]), name
    assert sum(len(net.layers) for net in nets.values()) == LAYERS


def test_every_refusal_is_right(corpus: Corpus, nets: dict[str, Prototxt]) -> None:
    reviewed = {name: (place, words) for name, place, words in REFUSED}
    solvers = 0
    for name in set(corpus) - set(nets):
        with pytest.raises(FormatError) as caught:
            Prototxt.parse(corpus[name], name)
        if name in reviewed:
            place, words = reviewed[name]
            assert (caught.value.line, caught.value.column) == place
            assert words in str(caught.value)
            continue
        net = solver_in(corpus[name])
        assert net is not None, name
        assert "solver prototxt" in str(caught.value)
        assert net in str(caught.value)
        solvers += 1
    assert solvers == SOLVERS


def test_every_layer_is_typed(nets: dict[str, Prototxt]) -> None:
    refused = {}
    for name, net in nets.items():
        for layer in net.layers:
            try:
                assert layer.parameter.name == layer.name
                assert layer.parameter.type == layer.type
            except FormatError as error:
                refused[name] = (error.line, error.column)
    assert refused == BAD_LAYERS


def chosen(net: Prototxt) -> list[LayerText]:
    """The first layer, the last and three more, always the same."""
    last = len(net.layers) - 1
    others = random.Random(len(net.data)).choices(range(last + 1), k=3)
    return [net.layers[index] for index in sorted({0, last, *others})]


def check_edit(net: Prototxt, layers: list[LayerText]) -> None:
    """Rename layers and compare every byte and every layer with what was there."""
    changes = {layer.index: layer.edited(name=RENAMED) for layer in layers}
    edited = net.replace_layers(changes)
    old, new, position = net.data, edited.data, 0
    for layer in layers:
        start, end = layer.span
        assert new.startswith(old[position:start])
        new = new[start - position :]
        text = changes[layer.index]
        assert new.startswith(text)
        assert with_old_name(text, layer) == layer.text
        new, position = new[len(text) :], end
    assert new == old[position:]
    for before, after in zip(net.layers, edited.layers):
        assert after.text == changes.get(before.index, before.text)
        assert after.name == (RENAMED if before.index in changes else before.name)
        assert after.version == before.version
    assert len(net.layers) == len(edited.layers)


def with_old_name(text: bytes, layer: LayerText) -> bytes:
    """The text of a renamed layer with the name back as it was written, or gone."""
    new = b'"%s"' % RENAMED.encode()
    names = layer.field_texts("name")
    if names:
        return text.replace(new, names[0].split(b":", 1)[1].strip(), 1)
    return re.sub(rb"name: %s\s+" % new, b"", text, count=1)


def test_every_net_survives_edits(nets: dict[str, Prototxt]) -> None:
    edits = 0
    for net in nets.values():
        layers = chosen(net)
        edits += len(layers)
        if len(net.data) > ONE_BY_ONE:
            check_edit(net, layers)
            continue
        for layer in layers:
            check_edit(net, [layer])
    assert edits > 4 * NETS
