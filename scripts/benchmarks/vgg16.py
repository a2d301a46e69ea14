"""A model of VGG16's shape (Simonyan and Zisserman 2014) with seeded weights, 528 MB of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Optional

import numpy as np

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
OUTPUTS = {"fc6": 4096, "fc7": 4096, "fc8": 1000}
RANKS = {"fc6": 1024, "fc7": 256}
# How much of the energy of structured weights lies in a decaying spectrum; the rest is noise.
STRUCTURE = 0.7


@dataclass(frozen=True)
class Convolution:
    """One of the thirteen."""

    name: str
    inputs: int
    outputs: int
    ends_block: bool


@dataclass(frozen=True)
class Vgg16:
    """The network, with all widths divided by ``scale``.

    Attributes:
        scale: What widths are divided by.
        falling: Kernels have spectra that decay, as the InnerProduct layers always have; else
            they are noise.
    """

    scale: int = 1
    falling: bool = False

    @property
    def name(self) -> str:
        """What files of the model are called."""
        return f"{self.scale}-vgg16{'-falling' if self.falling else ''}"

    @property
    def convolutions(self) -> list[Convolution]:
        """In their order."""
        found, inputs = [], 3
        for block, widths in enumerate(BLOCKS, 1):
            for index, width in enumerate(widths, 1):
                outputs = width // self.scale
                name = f"conv{block}_{index}"
                found.append(Convolution(name, inputs, outputs, index == len(widths)))
                inputs = outputs
        return found

    @property
    def products(self) -> dict[str, tuple[int, int]]:
        """Outputs and inputs of each InnerProduct layer."""
        inputs, found = self.convolutions[-1].outputs * 7 * 7, {}
        for name, width in OUTPUTS.items():
            found[name] = (width // self.scale, inputs)
            inputs = width // self.scale
        return found

    @property
    def ranks(self) -> dict[str, int]:
        """Those of Fast R-CNN's compressed VGG16 (Girshick 2015, section 4.4)."""
        return {name: rank // self.scale for name, rank in RANKS.items()}

    def deploy(self, compressed: bool = False) -> str:
        """The whole net as prototxt; ``compressed``: with pairs for the layers that have a rank."""
        text = [_input("data", (1, 3, 224, 224))]
        bottom = "data"
        for layer in self.convolutions:
            parameter = f"convolution_param {{ num_output: {layer.outputs} pad: 1 kernel_size: 3 }}"
            text += [_layer(layer.name, "Convolution", bottom, parameter), _relu(layer.name)]
            bottom = layer.name
            if layer.ends_block:
                pool = f"pool{layer.name[4]}"
                parameter = "pooling_param { pool: MAX kernel_size: 2 stride: 2 }"
                text.append(_layer(pool, "Pooling", bottom, parameter))
                bottom = pool
        return "".join([*text, *self._head(bottom, compressed)])

    def head(self, compressed: bool = False) -> str:
        """The three InnerProduct layers alone, on the output of the last pooling layer."""
        shape = (1, self.convolutions[-1].outputs, 7, 7)
        return "".join([_input("pool5", shape), *self._head("pool5", compressed)])

    def _head(self, bottom: str, compressed: bool) -> Iterator[str]:
        for name, (outputs, _) in self.products.items():
            rank = self.ranks.get(name) if compressed else None
            yield _product(name, bottom, outputs, rank)
            bottom = name
            if name != "fc8":
                yield _relu(name)
        yield _layer("prob", "Softmax", bottom, "")

    def macs(self, compressed: bool = False) -> int:
        """Multiply-accumulates of the head, for one row."""
        ranks = self.ranks if compressed else {}
        return sum(
            ranks[name] * (outputs + inputs) if name in ranks else outputs * inputs
            for name, (outputs, inputs) in self.products.items()
        )

    def weights(self) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
        """Name, type, weights and bias of each layer, seeded."""
        generator = np.random.default_rng(16)
        for number, layer in enumerate(self.convolutions):
            shape = (layer.outputs, layer.inputs, 3, 3)
            weights = generator.standard_normal(shape, np.float32)
            weights *= np.float32(np.sqrt(2 / (layer.inputs * 9)))
            if self.falling:
                # From numbers of its own, so that all other weights are the same.
                weights = _over_noise(_falling(np.random.default_rng([16, number]), shape), weights)
            yield layer.name, "Convolution", weights, _bias(generator, layer.outputs)
        for name, shape in self.products.items():
            yield name, "InnerProduct", _structured(generator, shape), _bias(generator, shape[0])


def _structured(generator: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Weights like trained ones: a spectrum that decays, over noise."""
    rank = min(shape) // 2
    values = (1 + np.arange(rank, dtype=np.float32)) ** np.float32(-0.5)
    left = generator.standard_normal((shape[0], rank), np.float32) * values
    right = generator.standard_normal((rank, shape[1]), np.float32)
    signal = np.sqrt(STRUCTURE / np.square(values).sum() * 2 / shape[1])
    weights = generator.standard_normal(shape, np.float32)
    weights *= np.float32(np.sqrt((1 - STRUCTURE) * 2 / shape[1]))
    weights += (left * np.float32(signal)) @ right
    return weights


def _falling(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A kernel in which some mixtures of outputs and of inputs matter more than others."""
    outputs, inputs, *taps = shape
    left, right = (
        generator.standard_normal((size, size), np.float32)
        * (1 + np.arange(size, dtype=np.float32)) ** np.float32(-0.5)
        for size in (outputs, inputs)
    )
    core = generator.standard_normal((outputs, inputs * taps[0] * taps[1]), np.float32)
    mixed = (left @ core).reshape(outputs, inputs, -1).transpose(0, 2, 1) @ right.T
    return mixed.transpose(0, 2, 1).reshape(shape)


def _over_noise(signal: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """The sum of both, as large as the noise is, with so much of the energy in the signal."""
    scale = np.sqrt(STRUCTURE) * np.linalg.norm(noise) / np.linalg.norm(signal)
    return signal * np.float32(scale) + noise * np.float32(np.sqrt(1 - STRUCTURE))


def _bias(generator: np.random.Generator, size: int) -> np.ndarray:
    return generator.standard_normal(size, np.float32) * np.float32(0.1)


def _input(name: str, shape: tuple[int, ...]) -> str:
    dims = " ".join(f"dim: {size}" for size in shape)
    parameter = f"input_param {{ shape {{ {dims} }} }}"
    return f'layer {{ name: "{name}" type: "Input" top: "{name}" {parameter} }}\n'


def _layer(name: str, kind: str, bottom: str, parameter: str, top: Optional[str] = None) -> str:
    blobs = f'bottom: "{bottom}" top: "{top or name}"'
    return f'layer {{ name: "{name}" type: "{kind}" {blobs} {parameter} }}\n'


def _relu(blob: str) -> str:
    return _layer(f"relu_{blob}", "ReLU", blob, "", blob)


def _product(name: str, bottom: str, outputs: int, rank: Optional[int]) -> str:
    parameter = f"inner_product_param {{ num_output: {outputs} }}"
    if rank is None:
        return _layer(name, "InnerProduct", bottom, parameter)
    thin = f"inner_product_param {{ num_output: {rank} bias_term: false }}"
    first = _layer(f"{name}_L", "InnerProduct", bottom, thin)
    return first + _layer(f"{name}_U", "InnerProduct", f"{name}_L", parameter, name)
