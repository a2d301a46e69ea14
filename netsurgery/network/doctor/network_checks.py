"""Checks of the network: what Caffe refuses to build, and what it builds but computes wrongly."""

from __future__ import annotations

import os
from typing import Dict, Iterator, List, Tuple

from netsurgery.layers import Layer, Shape, ShapeNode, Value, show
from netsurgery.network import stock
from netsurgery.network.deploy import other_phases as other_layers
from netsurgery.network.doctor.checked_model import CheckedModel, Finding, about, check, listed


@check
def refusals(checked: CheckedModel) -> Iterator[Finding]:
    """What `infer_shapes` and the graph refuse: wiring, missing fields, impossible shapes."""
    for problem in checked.problems:
        yield Finding.of(problem)


@check
def spread_bottoms(checked: CheckedModel) -> Iterator[Finding]:
    """Eltwise layers that some toolchains take, and that stock Caffe writes otherwise."""
    for layer in checked.network.layers:
        shapes = [checked.shapes[value] for value in layer.bottoms]
        if layer.layer_type.spreads(layer, shapes):
            text = " with ".join(show(shape) for shape in shapes)
            problem = f"combines {text}, which stock Caffe does not spread over each other"
            yield about(layer, "error", problem, layer.layer_type.spread_remedy(layer, shapes))


@check
def open_inputs(checked: CheckedModel) -> Iterator[Finding]:
    """Inputs without a shape, which Caffe drops."""
    for value, shape in checked.network.legacy_inputs.items():
        if shape is None:
            problem = f"input {value.blob!r} has no shape, so Caffe drops it"
            yield Finding("error", None, problem, "add input_shape")


@check
def unknown_types(checked: CheckedModel) -> Iterator[Finding]:
    """Layer types that stock Caffe has not."""
    layers: Dict[str, List[Layer]] = {}
    for layer in checked.network.layers:
        if not layer.layer_type.has_stock_name(layer.type):
            layers.setdefault(layer.type, []).append(layer)
    for layer_type, (first, *others) in layers.items():
        fork = first.layer_type.fork_of(layer_type)
        use = f"use a fork that has it, such as that of {fork}" if fork else "use its fork"
        words = stock.remedy(first)
        advice = f"{words}; or {use}" if words else use
        more = f" (nor for {len(others)} more layers)" if others else ""
        problem = f"stock Caffe has no layer type {layer_type!r}{more}"
        yield about(first, "error", problem, advice)


@check
def needs_of_layers(checked: CheckedModel) -> Iterator[Finding]:
    """What types need that is somewhere else, as code in Python."""
    for layer in checked.network.layers:
        for one in layer.layer_type.needs(layer):
            yield about(layer, one.severity, one.problem, one.remedy)


@check
def engines(checked: CheckedModel) -> Iterator[Finding]:
    """Layers that insist on cuDNN."""
    names = [layer.name for layer in checked.network.layers if _wants_cudnn(layer)]
    if names:
        problem = f"engine: CUDNN, which a Caffe built without it refuses: {listed(names)}"
        yield Finding("note", None, problem, "remove the engine, and Caffe takes what it has")


def _wants_cudnn(layer: Layer) -> bool:
    if not layer.layer_type.chooses_engine:
        return False
    parameter = getattr(layer.parameter, layer.layer_type.message)
    return bool(parameter.engine == parameter.CUDNN)


@check
def missing_sources(checked: CheckedModel) -> Iterator[Finding]:
    """Data that is not where the prototxt says, seen from here."""
    for layer in checked.network.layers:
        kind = layer.layer_type
        if kind.data is None:
            continue
        source = getattr(layer.parameter, kind.message).source
        if not os.path.exists(source):
            problem = f"reads {source!r}, which is not here"
            yield about(layer, "error", problem, "run in the folder that the path starts from")


@check
def propagate_down(checked: CheckedModel) -> Iterator[Finding]:
    """A number of propagate_down other than that of bottoms."""
    for layer in checked.network.layers:
        given, bottoms = len(layer.parameter.propagate_down), len(layer.bottoms)
        if given not in (0, bottoms):
            yield about(layer, "error", f"has {given} propagate_down for {bottoms} bottoms")


@check
def repeated_names(checked: CheckedModel) -> Iterator[Finding]:
    """Layers of one name, of which only the first gets weights."""
    for name in checked.network.duplicate_names:
        layers = checked.network.find(name)
        if any(checked.blobs(layer) != () for layer in layers):
            problem = f"{len(layers)} layers have this name; only the first gets weights"
            yield about(layers[1], "warning", problem, "rename the others")


@check
def spoilt_bottoms(checked: CheckedModel) -> Iterator[Finding]:
    """Layers that compute in place but cannot."""
    for layer in checked.network.layers:
        if layer.in_place and layer.layer_type.spoils_its_bottom(layer):
            problem = f"computes in place, which {layer.type} gets wrong without a word"
            yield about(layer, "warning", problem, "give it a top of its own")


@check
def shared_memory(checked: CheckedModel) -> Iterator[Finding]:
    """In-place layers that also overwrite what somebody else still reads."""
    for layer in checked.network.layers:
        for before, _ in layer.in_place:
            for victim, source in _later_readers(checked, layer, before).items():
                problem = (
                    f"computes in place on {before.blob!r}, which is the memory of "
                    f"{source.blob!r}, and so changes what {victim!r} reads"
                )
                yield about(layer, "warning", problem, "give it a top of its own")


def _later_readers(checked: CheckedModel, layer: Layer, value: Value) -> Dict[str, Value]:
    """Layers behind ``layer`` that read what ``value`` is only another view of."""
    network, found = checked.network, {}
    producer = network.producer(value)
    while producer is not None and producer.layer_type.shares_memory(producer):
        value = producer.bottoms[0]
        for reader in network.consumers(value):
            if reader.index > layer.index:
                found[reader.name] = value
        producer = network.producer(value)
    return found


@check
def troubles_of_layers(checked: CheckedModel) -> Iterator[Finding]:
    """What Caffe builds but computes otherwise than meant: each layer type knows its own."""
    for layer, shape in _shaped(checked):
        node = ShapeNode(layer, (shape,))
        for one in layer.layer_type.troubles(node, checked.network.phase):
            yield about(layer, one.severity, one.problem, one.remedy)


def _shaped(checked: CheckedModel) -> Iterator[Tuple[Layer, Shape]]:
    """Layers that Caffe would build, with the shape that they read."""
    for layer in checked.network.layers:
        shape = checked.shapes[layer.bottoms[0]] if layer.bottoms and layer.tops else None
        if shape is not None and checked.shapes[layer.tops[0]] is not None:
            yield layer, shape


@check
def other_phases(checked: CheckedModel) -> Iterator[Finding]:
    """Layers that are not built here."""
    phase = checked.network.phase
    left_out = [f"{text.name} ({text.type})" for text in other_layers(checked.prototxt, phase)]
    if left_out:
        problem = f"not built in this phase: {listed(left_out)}"
        if phase == "TEST":
            problem += "; OpenCV reads them as part of the net, and OpenVINO refuses most"
        remedy = "let `netsurgery upgrade` leave them out, for tools other than Caffe"
        yield Finding("note", None, problem, remedy if phase == "TEST" else None)
