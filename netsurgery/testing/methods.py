"""Whether a method keeps the contract: what it answers is whole, repeatable and multiplies out."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration import Calibrator
from netsurgery.errors import NetsurgeryError, PlanError
from netsurgery.formats import Blob, LayerWeights, Prototxt, Weights
from netsurgery.methods import Edit, LowRankMethod, Method, method
from netsurgery.network import LayerEdit, Model, blob_shapes, load
from netsurgery.planning import Plan
from netsurgery.surgery import Surgery, operate, replay

Check = Tuple[str, Callable[[], None]]

_NOISE = 1e-5
"""Of ``||W||``: numbers are stored in float32 (2**-24), and products sum up some tens of them."""

_SAMPLES = """\
name: "sample"
layer {{ name: "data" type: "Input" top: "data"
        input_param {{ shape {{ dim: 2 dim: 6 dim: 9 dim: 9 }} }} }}
{0}
layer {{ name: "relu" type: "ReLU" bottom: "one" top: "one" }}
layer {{ name: "two" type: "InnerProduct" bottom: "one" top: "two"
        inner_product_param {{ num_output: 4 }} }}
"""
_FIRST = (
    'layer { name: "one" type: "InnerProduct" bottom: "data" top: "one"\n'
    "        inner_product_param { num_output: 12 } }",
    'layer { name: "one" type: "Convolution" bottom: "data" top: "one"\n'
    "        convolution_param { num_output: 10 kernel_size: 3 pad: 1 stride: 2 } }",
    'layer { name: "one" type: "Convolution" bottom: "data" top: "one"\n'
    "        convolution_param { num_output: 8 kernel_size: 3 group: 2 bias_term: false } }",
    'layer { name: "one" type: "Deconvolution" bottom: "data" top: "one"\n'
    "        convolution_param { num_output: 6 kernel_size: 2 stride: 2 } }",
)


@dataclass(frozen=True)
class MethodExample:
    """An edit that a method can carry out.

    Attributes:
        model: The network with its weights.
        edit: The order.
        calibrator: What runs inputs, for the methods that want it.
    """

    model: Model
    edit: Edit
    calibrator: Optional[Calibrator] = field(default=None, compare=False)

    @cached_property
    def surgery(self) -> Surgery:
        """What comes of it."""
        return self.again()

    def again(self) -> Surgery:
        """Carry it out once more."""
        return operate(self.model, Plan((self.edit,)), self.calibrator)


def check_method(name: str, examples: Sequence[MethodExample] = ()) -> None:
    """Hold a method to its contract.

    Args:
        name: Its name.
        examples: Edits that it can carry out; low-rank methods have some without any given.

    Raises:
        AssertionError: It does not keep the contract; the text says where.
        ContractError: What it answers cannot be right; the text says why.
    """
    for _, check in method_checks(name, examples):
        check()


def method_checks(name: str, examples: Sequence[MethodExample] = ()) -> List[Check]:
    """Return the checks of `check_method`, each under a name: for ``pytest.mark.parametrize``."""
    found = method(name)
    given = list(examples) or sample_edits(found)
    assert given, f"give examples of edits of {name}"
    one = [(check.__name__.lstrip("_"), partial(check, found)) for check in _OF_METHODS]
    many: List[Check] = [
        (f"{check.__name__.lstrip('_')}-{number}", partial(check, example))
        for check in _OF_EDITS
        for number, example in enumerate(given)
    ]
    if isinstance(found, LowRankMethod):
        many += [
            (f"{check.__name__.lstrip('_')}-{number}", partial(check, found, example))
            for check in _OF_RANKS
            for number, example in enumerate(given)
        ]
    return [*one, *many]


def sample_edits(found: Method) -> List[MethodExample]:
    """Return edits of small nets at half of the ranks, for a low-rank method; else none."""
    if not isinstance(found, LowRankMethod):
        return []
    examples = []
    for model in map(sample_model, _FIRST):
        try:
            ranks = found.tradeoff(model, "one").share(0.5)
        except PlanError:
            continue
        examples.append(MethodExample(model, Edit("one", found.name, found.options_for(ranks))))
    return examples


def sample_model(first: str) -> Model:
    """Return a small net of random numbers: a layer ``one`` that makes blob ``one``, and two more.

    Args:
        first: The text of that layer; it reads ``data``, of shape 2x6x9x9.
    """
    prototxt = Prototxt.parse(_SAMPLES.format(first).encode())
    random = np.random.default_rng(0)
    layers = [
        LayerWeights(name, None, tuple(Blob.of(random.normal(size=shape)) for shape in shapes))
        for name, shapes in blob_shapes(Model(prototxt).network()).items()
        if shapes
    ]
    return Model(prototxt, Weights.of(layers))


def _it_says_what_it_is(found: Method) -> None:
    assert method(found.name) is found, f"{found.name!r} is another method"
    assert found.cause, "it has no words for what makes the new net differ"
    for option in found.options:
        assert isinstance(option, str), f"option {option!r} is no name"


def _it_refuses_what_it_does_not_know(found: Method) -> None:
    model = sample_model(_FIRST[0])
    for edit in (
        Edit("one", found.name, {"no such option": 1}),
        Edit("no such layer", found.name, {"rank": 1}),
        Edit("relu", found.name, {"rank": 1}),
    ):
        told = ""
        try:
            operate(model, Plan((edit,)))
        except NetsurgeryError as error:
            told = str(error)
        assert told, f"it carries out {edit}"
        assert "\n" not in told, f"its error has several lines: {told}"


def _it_keeps_the_contract_of_surgery(example: MethodExample) -> None:
    assert len(example.surgery.steps) == 1


def _it_leaves_the_model_alone(example: MethodExample) -> None:
    assert example.model.weights is not None
    before = _numbers(example.model), example.model.prototxt.data
    example.again()
    assert before == (_numbers(example.model), example.model.prototxt.data), "it changes its model"


def _it_does_the_same_again(example: MethodExample) -> None:
    first, second = example.surgery.model, example.again().model
    assert first.prototxt.data == second.prototxt.data, "it writes another text the second time"
    assert _numbers(first) == _numbers(second), "it makes other numbers the second time"


def _other_layers_keep_their_bytes(example: MethodExample) -> None:
    (step,) = example.surgery.steps
    edited = {edit.layer.name for edit in step.rewrite.edits if isinstance(edit, LayerEdit)}
    texts = [layer.text for layer in example.surgery.model.prototxt.layers]
    for layer in step.before.prototxt.layers:
        kept = layer.name in edited or layer.text in texts
        assert kept, f"layer {layer.name!r} is not edited, and its text changes"


def _it_multiplies_out_to_the_original(example: MethodExample) -> None:
    """`Method.compose` gives blobs of the original's shapes, at the distance it predicted."""
    surgery = example.surgery
    twin = surgery.twin()
    for name in surgery.steps[0].rewrite.pieces:
        wanted = [blob.shape for blob in surgery.original.blobs(name)]
        found = [blob.shape for blob in twin.blobs(name)]
        assert found == wanted, f"multiplied out, {name!r} has blobs {found}, and had {wanted}"
    measured = surgery.errors(twin)
    for name, predicted in surgery.predicted_errors().items():
        apart = abs(predicted - measured[name])
        assert apart <= _NOISE, f"it predicts {predicted} for {name!r}, and it is {measured[name]}"
    for name, moved in surgery.moved_errors(twin).items():
        assert moved <= _NOISE, f"other blobs of {name!r} move by {moved}, which it denies"


def _files_hold_what_it_made(example: MethodExample) -> None:
    model = example.surgery.model
    with tempfile.TemporaryDirectory() as folder:
        prototxt, weights = model.save(Path(folder))
        read = load(prototxt, weights)
        assert read.prototxt.data == model.prototxt.data
        assert _numbers(read) == _numbers(model), "files hold other numbers than it made"


def _its_edits_can_be_done_again(example: MethodExample) -> None:
    """On the very text they were made for, as on any other text of the net."""
    (step,) = example.surgery.steps
    again = replay(example.surgery, step.before.prototxt)
    assert again.prototxt.data == example.surgery.model.prototxt.data, "replayed, it differs"
    assert again.absent == ()


def _it_can_be_undone(example: MethodExample) -> None:
    assert example.surgery.undone().model is example.model
    assert example.surgery.describe(), "it has nothing to show"


def _full_ranks_lose_nothing(found: LowRankMethod, example: MethodExample) -> None:
    name = example.edit.layer
    edit = Edit(name, found.name, found.options_for(found.tradeoff(example.model, name).full))
    surgery = operate(example.model, Plan((edit,)))
    for layer, error in surgery.errors(surgery.twin()).items():
        assert error <= _NOISE, f"at full ranks {layer!r} loses {error}"


def _it_costs_what_it_says(found: LowRankMethod, example: MethodExample) -> None:
    name = example.edit.layer
    tradeoff = found.tradeoff(example.model, name)
    ranks = tradeoff.share(0.5)
    made = operate(example.model, Plan((Edit(name, found.name, found.options_for(ranks)),))).model
    pieces = {layer.name for layer in made.prototxt.layers}
    pieces -= {layer.name for layer in example.model.prototxt.layers}
    together = found.coupled(example.model, name)
    bias = sum(blob.count for one in together for blob in example.model.blobs(one)[1:])
    stored = sum(blob.count for piece in pieces for blob in made.blobs(piece)) - bias
    said = tradeoff.weights.at(ranks)
    assert stored == said, f"at ranks {ranks} it stores {stored} weights, and says {said}"


def _more_ranks_lose_no_more(found: LowRankMethod, example: MethodExample) -> None:
    lost = found.tradeoff(example.model, example.edit.layer).energies.lost
    for axis in range(lost.ndim):
        rises = np.diff(lost, axis=axis).max(initial=0.0)
        assert rises <= _NOISE, f"with one rank more it loses {rises} more"


def _numbers(model: Model) -> Dict[str, List[str]]:
    layers = model.weights.layers if model.weights else ()
    return {layer.name: [blob.digest for blob in layer.blobs] for layer in layers}


_OF_METHODS = (_it_says_what_it_is, _it_refuses_what_it_does_not_know)
_OF_EDITS = (
    _it_keeps_the_contract_of_surgery,
    _it_leaves_the_model_alone,
    _it_does_the_same_again,
    _other_layers_keep_their_bytes,
    _it_multiplies_out_to_the_original,
    _files_hold_what_it_made,
    _its_edits_can_be_done_again,
    _it_can_be_undone,
)
_OF_RANKS = (_full_ranks_lose_nothing, _it_costs_what_it_says, _more_ranks_lose_no_more)
