"""The file format of golden files: a plain ``.npz`` that NumPy of any age reads, no pickles.

- ``inputs/BLOB``: the samples that were fed, float32, shape (N, ...).
- ``labels``: the class of each sample, where they are known.
- ``outputs/BLOB/RUN``: an output of the forward pass of that number, from 0; under
  ``BLOB@VERSION`` what a Softmax or Sigmoid makes an output of.
- ``golden``: JSON text: samples fed at once, kind and float noise of each output, sha256 of
  the model's files, engine and versions.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Mapping, Union

import numpy as np

from netsurgery.calibration import Inputs, read_npz
from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats import write_together
from netsurgery.verification.comparison import Noise
from netsurgery.verification.tallies import KINDS, Blobs, Tally
from netsurgery.version import __version__

FORMAT = 1
PathLike = Union[str, Path]


@dataclass(frozen=True)
class Golden:
    """What a model computed.

    Attributes:
        inputs: The samples.
        size: How many were fed at once.
        runs: The outputs of each forward pass, by blob.
        kinds: What compares each output.
        noise: The float noise of each output.
        outputs: Which of them are outputs indeed.
        engine: Name and version of what ran the model.
        model: sha256 of the model's prototxt and weights.
    """

    inputs: Inputs
    size: int
    runs: tuple[Blobs, ...]
    kinds: Mapping[str, type[Tally]]
    noise: Mapping[str, Noise]
    outputs: frozenset[str]
    engine: tuple[str, str]
    model: Mapping[str, str]

    def write(self, path: PathLike) -> None:
        """Write the file, complete or not at all.

        Raises:
            FormatError: It cannot be written, or a blob has a name that no archive takes.
        """
        arrays: dict[str, np.ndarray] = {
            f"inputs/{name}": np.asarray(samples[:], dtype=np.float32)
            for name, samples in self.inputs.arrays.items()
        }
        if self.inputs.labels is not None:
            arrays["labels"] = self.inputs.labels
        for number, run in enumerate(self.runs):
            arrays.update((f"outputs/{name}/{number}", blob) for name, blob in run.items())
        arrays["golden"] = np.array(json.dumps(self._facts(), indent=1))
        try:
            write_together({path: lambda stream: _write_npz(stream, arrays)})
        except UnicodeEncodeError as error:
            raise FormatError(f"a blob's name is not text: {error.object!r}", file=path) from error

    def _facts(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "netsurgery": __version__,
            "numpy": np.__version__,
            "engine": list(self.engine),
            "model_sha256": dict(self.model),
            "inputs": self.inputs.description,
            "inputs_sha256": self.inputs.sha256,
            "whole_blobs": self.inputs.whole_blobs,
            "random": self.inputs.drawn,
            "samples_at_once": self.size,
            "outputs": {
                name: {
                    "kind": kind.kind,
                    "noise": asdict(self.noise[name]),
                    "output": name in self.outputs,
                }
                for name, kind in self.kinds.items()
            },
        }


def read_golden(path: PathLike) -> Golden:
    """Read a golden file.

    Raises:
        FormatError: It is not one, or is damaged.
    """
    arrays = read_npz(Path(path))
    try:
        return _parse(arrays, json.loads(str(arrays["golden"])))
    except KeyError as error:
        raise FormatError(f"not a golden file: it has no {error}", file=path) from error
    except (AttributeError, ArithmeticError, IndexError, RecursionError) as error:
        raise FormatError(f"not a golden file: {error}", file=path) from error
    except (TypeError, ValueError) as error:
        raise FormatError(f"not a golden file: {error}", file=path) from error
    except NetsurgeryError as error:
        raise FormatError(f"not a golden file: {error.problem}", file=path) from error


def _parse(arrays: Mapping[str, np.ndarray], facts: Any) -> Golden:
    if facts["format"] != FORMAT:
        raise ValueError(f"its format is {facts['format']!r}, this netsurgery reads {FORMAT}")
    samples = {
        name.partition("/")[2]: _numbers(array)
        for name, array in arrays.items()
        if name.startswith("inputs/")
    }
    whole = bool(facts["whole_blobs"])
    # Older files do not say so.
    drawn = bool(facts.get("random", " random samples, seed " in str(facts["inputs"])))
    inputs = Inputs(samples, arrays.get("labels"), str(facts["inputs"]), whole, drawn)
    size = int(facts["samples_at_once"])
    if size < 1:
        raise ValueError(f"{size} samples at once")
    count = math.ceil(len(inputs) / (1 if whole else size))
    outputs = {str(name): dict(output) for name, output in facts["outputs"].items()}
    return Golden(
        inputs,
        size,
        tuple(
            {name: _numbers(arrays[f"outputs/{name}/{run}"]) for name in outputs}
            for run in range(count)
        ),
        {name: KINDS[output["kind"]] for name, output in outputs.items()},
        {name: _noise(output["noise"]) for name, output in outputs.items()},
        frozenset(name for name, output in outputs.items() if output["output"]),
        (str(facts["engine"][0]), str(facts["engine"][1])),
        {str(key): str(value) for key, value in dict(facts["model_sha256"]).items()},
    )


def _numbers(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "biuf":
        raise ValueError(f"it holds an array of type {array.dtype}")
    return array


def _noise(facts: Any) -> Noise:
    noise = Noise(float(facts["error"]), float(facts["agreement"]))
    if not (0 <= noise.error < math.inf and 0 <= noise.agreement <= 1):
        raise ValueError(f"its float noise is {noise.error}, {noise.agreement}")
    return noise


def _write_npz(stream: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # not its option allow_pickle
