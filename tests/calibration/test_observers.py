"""What observers ask for, and what they make of it, without an engine."""

from __future__ import annotations

import numpy as np
import pytest
from channel_choices import with_random_weights

from netsurgery.calibration.measuring import ObservedValue
from netsurgery.calibration.observers import (
    OutputObserver,
    Part,
    ProductObserver,
    ResidualBranch,
    Target,
    choose_places,
)
from netsurgery.layers import MatrixProduct
from netsurgery.linalg import Moments
from netsurgery.network import Value, infer_shapes

NET = """
input: "x" input_shape { dim: 2 dim: 4 dim: 9 dim: 8 }
layer { name: "it" type: "Convolution" bottom: "x" top: "y"
        convolution_param { num_output: 6 kernel_size: 3 pad: 1 group: 2 } }
"""
FEW = 5
X, Y, OLD, SUM, OLD_SUM = (
    ObservedValue(Value(name, 0), model)
    for name, model in (("x", 0), ("y", 0), ("y", 1), ("sum", 0), ("sum", 1))
)


@pytest.fixture
def product() -> MatrixProduct:
    network = with_random_weights(NET).network()
    (layer,) = (layer for layer in network.layers if layer.name == "it")
    return MatrixProduct.of(layer, infer_shapes(network)[layer.bottoms[0]] or ())


@pytest.mark.parametrize("kind", [ProductObserver, OutputObserver])
@pytest.mark.parametrize("beside", [False, True])
def test_what_is_asked_for_is_enough_and_little(product, kind, beside) -> None:
    random, drawn = np.random.default_rng(0), np.random.default_rng(3)
    scale = np.arange(1, 7, dtype=np.float32)
    branch = ResidualBranch(Part(SUM), Part(OLD_SUM), scale) if beside else None
    source = X if kind is ProductObserver else Y
    observer = kind(product, source, Target(Part(OLD), branch), 3, FEW)
    wanted = Moments()
    for _ in range(3):
        arrays = {
            one: random.normal(size=(2, 4 if one == X else 6, 9, 8)).astype(np.float32)
            for one in (X, Y, OLD, SUM, OLD_SUM)
        }
        asked = observer.sources
        seen = {one: one.cut(arrays[one._replace(at=None)]) for one in asked}
        # A window of nine taps touches nine places of a map at most; of what is made, one each.
        places = {one: 9 * FEW if one.value == X.value else FEW for one in asked}
        assert all(array.shape[2] <= places[one] for one, array in seen.items())
        observer.add(seen)
        # The same from whole maps.
        chosen = choose_places(product, drawn, FEW)
        target = arrays[OLD]
        if beside:
            target = target + (arrays[OLD_SUM] - arrays[SUM]) / scale[:, None, None]
        read = product.read if kind is ProductObserver else product.made
        wanted.add(read(arrays[source], chosen), product.made(target, chosen))
    assert observer.moments.count == wanted.count == 3 * 2 * FEW
    np.testing.assert_array_equal(observer.moments.second, wanted.second)
    np.testing.assert_array_equal(observer.moments.cross, wanted.cross)


def test_other_windows_are_asked_for_in_every_batch(product) -> None:
    observer = ProductObserver(product, X, None, 0, FEW)
    asked = []
    for _ in range(2):
        (source,) = observer.sources
        assert observer.sources == (source,)  # The same until the batch was taken in.
        asked.append(source)
        observer.add({source: source.cut(np.zeros((2, 4, 9, 8), np.float32))})
    assert asked[0] != asked[1]


def test_where_all_windows_are_looked_at_the_whole_map_is_asked_for(product) -> None:
    assert ProductObserver(product, X, None, 0, product.places).sources == (X,)
