"""Checks of the network: what Caffe refuses to build, and what it builds but computes wrongly."""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, Tuple

from netsurgery.layers import Layer, Shape, ShapeNode, Value, has_empty_windows, read_windows, show
from netsurgery.network import stock
from netsurgery.network.deploy import other_phases as other_layers
from netsurgery.network.doctor.patient import Finding, Patient, about, check, listed
from netsurgery.network.facts import FORK_OF, is_foreign, shares_memory, spoils_its_bottom
from netsurgery.network.spreading import is_spread, remedy

_SOURCES = {
    "Data": "data_param",
    "HDF5Data": "hdf5_data_param",
    "ImageData": "image_data_param",
    "WindowData": "window_data_param",
}
_ENGINES = {
    "Convolution": "convolution_param",
    "Deconvolution": "convolution_param",
    "LRN": "lrn_param",
    "Pooling": "pooling_param",
    "ReLU": "relu_param",
    "Sigmoid": "sigmoid_param",
    "Softmax": "softmax_param",
    "TanH": "tanh_param",
}


@check
def refusals(patient: Patient) -> Iterator[Finding]:
    """What `infer_shapes` and the graph refuse: wiring, missing fields, impossible shapes."""
    for problem in patient.problems:
        yield Finding.of(problem)


@check
def spread_bottoms(patient: Patient) -> Iterator[Finding]:
    """Eltwise layers that some toolchains take, and that stock Caffe writes otherwise."""
    for layer in patient.network.layers:
        shapes = [patient.shapes[value] for value in layer.bottoms]
        if is_spread(layer, shapes):
            text = " with ".join(show(shape) for shape in shapes)
            problem = f"combines {text}, which stock Caffe does not spread over each other"
            yield about(layer, "error", problem, remedy(layer, shapes))


@check
def open_inputs(patient: Patient) -> Iterator[Finding]:
    """Inputs without a shape, which Caffe drops."""
    for value, shape in patient.network.legacy_inputs.items():
        if shape is None:
            problem = f"input {value.blob!r} has no shape, so Caffe drops it"
            yield Finding("error", None, problem, "add input_shape")


@check
def unknown_types(patient: Patient) -> Iterator[Finding]:
    """Layer types that stock Caffe has not."""
    layers: Dict[str, List[Layer]] = {}
    for layer in filter(is_foreign, patient.network.layers):
        layers.setdefault(layer.type, []).append(layer)
    for layer_type, (first, *others) in layers.items():
        fork = FORK_OF.get(layer_type)
        use = f"use a fork that has it, such as that of {fork}" if fork else "use its fork"
        words = stock.remedy(first)
        advice = f"{words}; or {use}" if words else use
        more = f" (nor for {len(others)} more layers)" if others else ""
        problem = f"stock Caffe has no layer type {layer_type!r}{more}"
        yield about(first, "error", problem, advice)


@check
def python_layers(patient: Patient) -> Iterator[Finding]:
    """Layers whose code is somewhere else."""
    for layer in patient.network.layers:
        if layer.type == "Python":
            module = layer.parameter.python_param.module
            problem = f"needs a Caffe built with Python layers, and the module {module!r}"
            yield about(layer, "note", problem, "put its folder on PYTHONPATH")


@check
def engines(patient: Patient) -> Iterator[Finding]:
    """Layers that insist on cuDNN."""
    names = [layer.name for layer in patient.network.layers if _wants_cudnn(layer)]
    if names:
        problem = f"engine: CUDNN, which a Caffe built without it refuses: {listed(names)}"
        yield Finding("note", None, problem, "remove the engine, and Caffe takes what it has")


def _wants_cudnn(layer: Layer) -> bool:
    field = _ENGINES.get(layer.type)
    param = getattr(layer.parameter, field) if field else None
    return param is not None and param.engine == param.CUDNN


@check
def missing_sources(patient: Patient) -> Iterator[Finding]:
    """Data that is not where the prototxt says, seen from here."""
    for layer in patient.network.layers:
        field = _SOURCES.get(layer.type)
        source = getattr(layer.parameter, field).source if field else ""
        if field and not os.path.exists(source):
            problem = f"reads {source!r}, which is not here"
            yield about(layer, "error", problem, "run in the folder that the path starts from")


@check
def propagate_down(patient: Patient) -> Iterator[Finding]:
    """A number of propagate_down other than that of bottoms."""
    for layer in patient.network.layers:
        given, bottoms = len(layer.parameter.propagate_down), len(layer.bottoms)
        if given not in (0, bottoms):
            yield about(layer, "error", f"has {given} propagate_down for {bottoms} bottoms")


@check
def repeated_names(patient: Patient) -> Iterator[Finding]:
    """Layers of one name, of which only the first gets weights."""
    for name in patient.network.duplicate_names:
        layers = patient.network.find(name)
        if any(patient.blobs(layer) != () for layer in layers):
            problem = f"{len(layers)} layers have this name; only the first gets weights"
            yield about(layers[1], "warning", problem, "rename the others")


@check
def spoilt_bottoms(patient: Patient) -> Iterator[Finding]:
    """Layers that compute in place but cannot."""
    for layer in patient.network.layers:
        if layer.in_place and spoils_its_bottom(layer):
            problem = f"computes in place, which {layer.type} gets wrong without a word"
            yield about(layer, "warning", problem, "give it a top of its own")


@check
def shared_memory(patient: Patient) -> Iterator[Finding]:
    """In-place layers that also overwrite what somebody else still reads."""
    for layer in patient.network.layers:
        for before, _ in layer.in_place:
            for victim, source in _later_readers(patient, layer, before).items():
                problem = (
                    f"computes in place on {before.blob!r}, which is the memory of "
                    f"{source.blob!r}, and so changes what {victim!r} reads"
                )
                yield about(layer, "warning", problem, "give it a top of its own")


def _later_readers(patient: Patient, layer: Layer, value: Value) -> Dict[str, Value]:
    """Layers behind ``layer`` that read what ``value`` is only another view of."""
    network, found = patient.network, {}
    producer = network.producer(value)
    while producer is not None and shares_memory(producer):
        value = producer.bottoms[0]
        for reader in network.consumers(value):
            if reader.index > layer.index:
                found[reader.name] = value
        producer = network.producer(value)
    return found


@check
def wide_kernels(patient: Patient) -> Iterator[Finding]:
    """Kernels wider than their padded input, which Caffe takes if the stride rounds it away."""
    for layer, shape in _shaped(patient, "Convolution"):
        node, param = ShapeNode(layer, (shape,)), layer.parameter.convolution_param
        sizes = shape[node.axis(param.axis) + 1 :]
        windows = read_windows(node, param, len(sizes))
        padded = [size + 2 * pad for size, pad in zip(sizes, windows.pad)]
        if any(extent > size for extent, size in zip(windows.extent, padded)):
            problem = f"has a kernel of {show(windows.extent)} over a padded {show(padded)}"
            yield about(layer, "warning", problem, "see whether the input is as big as meant")


@check
def empty_windows(patient: Patient) -> Iterator[Finding]:
    """Pooling windows that hold nothing, as of a kernel of 1 with stride 2 over an even size."""
    for layer, shape in _shaped(patient, "Pooling"):
        if has_empty_windows(ShapeNode(layer, (shape,))):
            param = layer.parameter.pooling_param
            made = "-3.4e38" if param.pool == param.MAX else "NaN"
            problem = f"its last windows over {show(shape[2:])} hold no value: Caffe makes {made}"
            yield about(layer, "warning", problem, "use a kernel as wide as the stride")


def _shaped(patient: Patient, kind: str) -> Iterator[Tuple[Layer, Shape]]:
    """Layers of a kind that Caffe would build, with the shape that they read."""
    for layer in patient.network.layers:
        shape = patient.shapes[layer.bottoms[0]] if layer.bottoms and layer.tops else None
        if layer.kind == kind and shape is not None and patient.shapes[layer.tops[0]] is not None:
            yield layer, shape


@check
def batch_statistics(patient: Patient) -> Iterator[Finding]:
    """BatchNorm layers that normalise by the batch although nothing is trained."""
    for layer in patient.network.layers:
        param = layer.parameter.batch_norm_param
        if layer.type != "BatchNorm" or patient.network.phase != "TEST":
            continue
        if param.HasField("use_global_stats") and not param.use_global_stats:
            problem = "normalises by the batch, not by the mean and variance it has learnt"
            yield about(layer, "warning", problem, "remove use_global_stats: false")


@check
def other_phases(patient: Patient) -> Iterator[Finding]:
    """Layers that are not built here."""
    phase = patient.network.phase
    left_out = [f"{text.name} ({text.type})" for text in other_layers(patient.prototxt, phase)]
    if left_out:
        problem = f"not built in this phase: {listed(left_out)}"
        if phase == "TEST":
            problem += "; OpenCV reads them as part of the net, and OpenVINO refuses most"
        remedy = "let `netsurgery upgrade` leave them out, for tools other than Caffe"
        yield Finding("note", None, problem, remedy if phase == "TEST" else None)
