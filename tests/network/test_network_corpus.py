from __future__ import annotations

import tarfile
from typing import Iterator

from test_shapes import blob_shapes, blobs_of_layers

from netsurgery.errors import NetsurgeryError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.layers import layer_types
from netsurgery.network.doctor.examination import examine
from netsurgery.network.graph import Network, build_network
from netsurgery.network.model import Model

# This build of Caffe has Permute of the SSD fork, but not the newest types of stock Caffe.
STOCK_TYPES = {name for name, kind in layer_types().items() if kind.has_stock_name(name)}
RUNNABLE = STOCK_TYPES - {"Clip", "Data", "HDF5Data", "ImageData", "Python", "WindowData"}


def runnable_nets(archive: tarfile.TarFile) -> Iterator[Network]:
    """Every second net of the corpus that is fed by inputs and made of stock layers."""
    for member in archive.getmembers()[::2]:
        stream = archive.extractfile(member)
        try:
            prototxt = Prototxt.parse(stream.read() if stream else b"", member.name)
            network, problems = build_network(prototxt)
        except NetsurgeryError:
            continue
        stock = {layer.type for layer in network.layers} <= RUNNABLE
        if stock and (network.inputs or problems) and b"CUDNN" not in prototxt.data:
            yield network


def test_stock_nets_are_built_or_refused_as_by_caffe(ask_caffe, shared):
    built = refused = 0
    with tarfile.open(shared / "prototxts.tar.xz") as archive:
        for network in runnable_nets(archive):
            text = network.prototxt.data.decode("utf-8", "surrogateescape")
            caffe = ask_caffe(text)
            findings = examine(Model(network.prototxt))
            errors = [str(finding) for finding in findings if finding.severity == "error"]
            assert bool(errors) == ("error" in caffe), (network.prototxt.file, errors, caffe)
            if errors:
                refused += 1
                continue
            shapes = blob_shapes(network)
            real = {name: shape for name, shape in caffe["blobs"] if name in shapes}
            assert real == shapes, network.prototxt.file
            assert blobs_of_layers(network) == caffe["params"], network.prototxt.file
            built += 1
    assert built > 30
    assert refused > 2
