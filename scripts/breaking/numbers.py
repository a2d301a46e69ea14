"""Kinds of breakages of numbers: what a faulty writer, converter or file does to weights."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, Optional, Tuple

import numpy as np

from breaking.kinds import Broken, Candidates, Kind, Pair, Way, shuffled
from netsurgery.formats.weights import LayerWeights

WEIGHTED = ("Convolution", "InnerProduct")
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def places(pair: Pair, index: int, types: Tuple[str, ...]) -> Iterator[str]:
    """Names of layers of some types that hold a blob of that number."""
    for layer in pair.of_type(*types):
        if len(pair.blobs(layer.name)) > index:
            yield layer.name


def of_blob(index: int, change: Change, *types: str) -> Way:
    """What changes one blob of one layer, where that makes a difference to it."""

    def way(pair: Pair, random: np.random.Generator) -> Candidates:
        names = list(places(pair, index, types or WEIGHTED))
        for name in random.permutation(names) if names else ():
            before = pair.array(str(name), index)
            after = change(before, random)
            if after is not None and not np.array_equal(after, before):
                what = f"blob {index} of {name}"
                yield Broken(what, pair.with_blob(str(name), index, after), (str(name),))

    return way


def crossed(array: np.ndarray) -> np.ndarray:
    """The other matrix that the same bytes make when rows and columns are taken for each other."""
    wide = array.reshape(len(array), -1)
    return np.ascontiguousarray(wide.T).reshape(array.shape)


def transposed(array: np.ndarray, random: np.random.Generator) -> Optional[np.ndarray]:
    """A square matrix, or window, the other way round."""
    square = array.ndim > 1 and array.shape[-1] == array.shape[-2] > 1
    return array.swapaxes(-1, -2) if square else None


def moved_once(array: np.ndarray, random: np.random.Generator, by: float) -> np.ndarray:
    """The array with one number, of those that are not small, so many times as large."""
    new = array.copy()
    large = np.flatnonzero(np.abs(new) >= np.median(np.abs(new)))
    new.flat[int(random.choice(large))] *= by
    return new


def single(array: np.ndarray, random: np.random.Generator, value: float) -> np.ndarray:
    new = array.copy()
    new.flat[int(random.integers(new.size))] = value
    return new


def nudged(array: np.ndarray, random: np.random.Generator) -> np.ndarray:
    new = array.copy()
    new.flat[-1] = np.nextafter(new.flat[-1], np.float32(np.inf))
    return new


def swapped_rows(array: np.ndarray, random: np.random.Generator) -> np.ndarray:
    new = array.copy()
    if len(new) > 1:
        one, other = random.choice(len(new), 2, replace=False)
        new[[one, other]] = new[[other, one]]
    return new


def row_lost(array: np.ndarray, random: np.random.Generator) -> np.ndarray:
    new = array.copy()
    new[int(np.argmax(np.abs(new.reshape(len(new), -1)).sum(axis=1)))] = 0
    return new


def overflowed(array: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """What float16 makes of weights that were scaled for it and grew too large."""
    with np.errstate(over="ignore"):
        top = float(np.abs(array).max()) or 1.0
        return (array * np.float32(1e5 / top)).astype(np.float16).astype(np.float32)


def in_int8(array: np.ndarray, random: np.random.Generator) -> np.ndarray:
    step = float(np.abs(array).max()) / 127 or 1.0
    return np.round(array / step) * step


def first_of_type(of: Pair, *types: str) -> List[str]:
    return [layer.name for layer in of.of_type(*types) if of.blobs(layer.name)][:1]


def channels_swapped(pair: Pair, random: np.random.Generator) -> Candidates:
    """Blue for red in what the net is fed."""
    for name in first_of_type(pair, "Convolution"):
        before = pair.array(name, 0)
        if before.ndim == 4 and before.shape[1] == 3:
            yield Broken(f"of {name}", pair.with_blob(name, 0, before[:, ::-1]), (name,))


def wrong_mean(pair: Pair, random: np.random.Generator) -> Candidates:
    """Another mean taken off what the net is fed, as it comes where that is put into a bias."""
    for name in first_of_type(pair, *WEIGHTED):
        if len(pair.blobs(name)) > 1:
            weights, bias = pair.array(name, 0), pair.array(name, 1)
            moved = bias - 0.02 * weights.reshape(len(weights), -1).sum(axis=1).reshape(bias.shape)
            yield Broken(f"in the bias of {name}", pair.with_blob(name, 1, moved), (name,))


def same_shaped(pair: Pair, random: np.random.Generator) -> Iterator[Tuple[str, str]]:
    layers = [one for one in pair.layers if one.blobs]
    for place in random.permutation(len(layers)):
        one = layers[place]
        for other in layers:
            alike = [b.shape for b in one.blobs] == [b.shape for b in other.blobs]
            if other.name != one.name and alike:
                yield one.name, other.name


def swapped_layers(pair: Pair, random: np.random.Generator) -> Candidates:
    for one, other in same_shaped(pair, random):
        new = pair.with_blobs(one, pair.blobs(other)).with_blobs(other, pair.blobs(one))
        yield Broken(f"{one} and {other}", new, (one, other))


def layer_twice(pair: Pair, random: np.random.Generator) -> Candidates:
    for one, other in same_shaped(pair, random):
        yield Broken(f"{one} as {other}", pair.with_blobs(one, pair.blobs(other)), (one,))


def stale(pair: Pair, random: np.random.Generator) -> Candidates:
    """What the layer held before it was trained."""
    for name in random.permutation(list(places(pair, 0, WEIGHTED))):
        before = pair.array(str(name), 0)
        new = random.normal(size=before.shape).astype(np.float32) * before.std()
        yield Broken(f"weights of {name}", pair.with_blob(str(name), 0, new), (str(name),))


def not_in_file(pair: Pair, random: np.random.Generator) -> Candidates:
    """A layer that the file of weights calls otherwise, so that Caffe does not find it."""
    for layer in shuffled(pair.of_type(*WEIGHTED), random):
        layers = tuple(
            LayerWeights(one.name + "_x" * (one.name == layer.name), one.type, one.blobs)
            for one in pair.layers
        )
        yield Broken(layer.name, Pair(pair.prototxt, layers), (layer.name,))


def blobs_swapped(index: int, other: int, kind: str) -> Way:
    def way(pair: Pair, random: np.random.Generator) -> Candidates:
        for layer in shuffled(pair.of_type(kind), random):
            blobs = list(pair.blobs(layer.name))
            if len(blobs) > max(index, other):
                blobs[index], blobs[other] = blobs[other], blobs[index]
                yield Broken(layer.name, pair.with_blobs(layer.name, tuple(blobs)), (layer.name,))

    return way


def merged_twice(pair: Pair, random: np.random.Generator) -> Candidates:
    """A BatchNorm folded into the convolution before it, and left in the net."""
    for layer in shuffled(pair.of_type("BatchNorm"), random):
        before = [one for one in pair.of_type("Convolution") if one.tops == layer.bottoms]
        if before and len(pair.blobs(layer.name)) == 3:
            _, variance, factor = (pair.array(layer.name, i).ravel() for i in range(3))
            scale = 1 / np.sqrt(variance / (factor[0] or 1) + 1e-5)
            weights = pair.array(before[0].name, 0) * scale.reshape(-1, 1, 1, 1)
            name = before[0].name
            yield Broken(f"{layer.name} into {name}", pair.with_blob(name, 0, weights), (name,))


BIAS: Dict[str, Change] = {
    "a bias dropped": lambda array, random: np.zeros_like(array),
    "a bias added twice": lambda array, random: 2 * array,
    "a bias times 1.001": lambda array, random: array * np.float32(1.001),
    "a bias moved on by one channel": lambda array, random: np.roll(array, 1),
}
WEIGHTS: Dict[str, Change] = {
    "weights lost": lambda array, random: np.zeros_like(array),
    "a square factor or window transposed": transposed,
    "rows and columns crossed": lambda array, random: crossed(array),
    "channels moved on by one": lambda array, random: np.roll(array, 1, axis=0),
    "channels in reverse": lambda array, random: array[::-1],
    "what is read in reverse": lambda array, random: array[:, ::-1],
    "windows turned round": lambda array, random: array[..., ::-1, ::-1],
    "two channels swapped": swapped_rows,
    "a channel lost": row_lost,
    "the sign turned": lambda array, random: -array,
    "weights doubled": lambda array, random: 2 * array,
    "weights times 1.001": lambda array, random: array * np.float32(1.001),
    "one weight times 1.001": lambda array, random: moved_once(array, random, 1.001),
    "one weight with the other sign": lambda array, random: moved_once(array, random, -1),
    "one weight lost": lambda array, random: moved_once(array, random, 0),
    "one NaN": lambda array, random: single(array, random, np.nan),
    "one infinity": lambda array, random: single(array, random, np.inf),
    "moved on by one number": lambda array, random: np.roll(array.ravel(), 1).reshape(array.shape),
    "rounded to float16": lambda array, random: array.astype(np.float16).astype(np.float32),
    "float16 that overflowed": overflowed,
    "rounded to int8": in_int8,
}
NUMBERS: List[Kind] = [
    *(Kind(name, of_blob(0, change)) for name, change in WEIGHTS.items()),
    *(Kind(name, of_blob(1, change)) for name, change in BIAS.items()),
    Kind("blue and red swapped", channels_swapped),
    Kind("a wrong mean", wrong_mean),
    Kind("two layers of one shape swapped", swapped_layers),
    Kind("a layer that holds another's blobs", layer_twice),
    Kind("a stale blob", stale),
    Kind("a layer called otherwise in the weights", not_in_file),
    Kind("BatchNorm: its scale factor doubled", of_blob(2, lambda a, r: 2 * a, "BatchNorm")),
    Kind("BatchNorm: its scale factor lost", of_blob(2, lambda a, r: 0 * a, "BatchNorm")),
    Kind("BatchNorm: its mean lost", of_blob(0, lambda a, r: 0 * a, "BatchNorm")),
    Kind("BatchNorm: a deviation for its variance", of_blob(1, lambda a, r: a**0.5, "BatchNorm")),
    Kind("BatchNorm: mean and variance swapped", blobs_swapped(0, 1, "BatchNorm")),
    Kind("BatchNorm folded and left there", merged_twice),
    Kind("Scale: factor and shift swapped", blobs_swapped(0, 1, "Scale")),
    Kind("Scale: its shift lost", of_blob(1, lambda a, r: 0 * a, "Scale")),
    Kind("PReLU: its slopes moved on by one", of_blob(0, lambda a, r: np.roll(a, 1), "PReLU")),
    Kind("PReLU: one slope for all", of_blob(0, lambda a, r: 0 * a + a.mean(), "PReLU")),
]
# What no run can tell, as it is less than float noise: the files alone show it.
IN_THE_FILE: List[Kind] = [
    Kind("its last number moved by one unit in the last place", of_blob(0, nudged)),
]
