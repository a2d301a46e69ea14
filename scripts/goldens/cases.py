"""The commands that scripts/golden runs, with flags that are not expected to change."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

ROOT = Path(__file__).resolve().parents[2]
ZOO = ROOT.parent / "shared" / "zoo"
DIGITS = ROOT / "examples" / "digits"


class Net(NamedTuple):
    """The files of a model, and the shape of the inputs that are drawn for its calibration."""

    prototxt: Path
    weights: Path
    sample: Tuple[int, ...]
    data: Optional[Path] = None

    @property
    def is_here(self) -> bool:
        """Whether the files are on this machine."""
        return self.prototxt.is_file() and self.weights.is_file()


class Case(NamedTuple):
    """Commands that run one after another in one folder, and write into ``out`` there.

    ``{prototxt}``, ``{weights}`` and ``{data}`` stand for the net's files.
    """

    net: str
    name: str
    commands: List[str]

    @property
    def label(self) -> str:
        """What ``--only`` matches."""
        return f"{self.net}/{self.name}"


def of_the_zoo(folder: str, prototxt: str, weights: str, *sample: int) -> Net:
    return Net(ZOO / folder / prototxt, ZOO / folder / weights, sample)


NETS: Dict[str, Net] = {
    "digits": Net(
        DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel", (1, 8, 8), DIGITS / "train.npz"
    ),
    "lenet": of_the_zoo(
        "lenet_ethereon", "deploy.prototxt", "lenet_iter_10000.caffemodel", 1, 28, 28
    ),
    "mtcnn_det2": of_the_zoo("mtcnn_det2", "deploy.prototxt", "det2.caffemodel", 3, 24, 24),
    "resnet20": of_the_zoo(
        "resnet20_cifar10", "deploy_derived.prototxt", "ResNet_20.caffemodel", 3, 28, 28
    ),
    "float16": of_the_zoo("mtcnn_cvdnn_det2", "deploy.prototxt", "det2.fp16.caffemodel", 3, 24, 24),
    "hdf5": of_the_zoo(
        "cifar10_quick_h5", "deploy.prototxt", "cifar10_quick_iter_5000.caffemodel.h5", 3, 32, 32
    ),
    "v1": of_the_zoo(
        "cifar10_quick_everpeace",
        "deploy.prototxt",
        "cifar10_quick_iter_5000.caffemodel",
        3,
        32,
        32,
    ),
}

COMPRESS = "compress {prototxt} {weights} --no-cache -o out"
UNPROVED = f"{COMPRESS} --no-verify"
THIN = "thin {prototxt} {weights} --no-cache --no-verify -o out"
CALIBRATED = "--calibrate {data} --samples 96"
DESCRIBE = [
    "inspect {prototxt} {weights} --json",
    "channels {prototxt} --weights {weights} --json",
]

CASES: List[Case] = [
    Case("digits", "describe", DESCRIBE),
    Case("digits", "svd proved", [f"{COMPRESS} --energy 0.9 --json"]),
    Case("digits", "channel_svd", [f"{UNPROVED} --method channel_svd --rank Convolution=50%"]),
    Case("digits", "spatial_svd", [f"{UNPROVED} --method spatial_svd --rank Convolution=50%"]),
    Case("digits", "tucker", [f"{UNPROVED} --method tucker --rank Convolution=50%"]),
    Case("digits", "cp", [f"{UNPROVED} --method cp --rank Convolution=30%"]),
    Case("digits", "tensor_train", [f"{UNPROVED} --method tensor_train --rank fc4=30%"]),
    Case("digits", "fit", [f"{UNPROVED} --rank *=50% --fit asymmetric {CALIBRATED}"]),
    Case("digits", "macs", [f"{UNPROVED} --macs 0.5"]),
    Case("digits", "bytes", [f"{UNPROVED} --bytes 30%"]),
    Case("digits", "macs calibrated", [f"{UNPROVED} --macs 0.5 {CALIBRATED}"]),
    Case("digits", "thin", [f"{THIN} --macs 0.5"]),
    Case("digits", "thin calibrated", [f"{THIN} --macs 0.5 {CALIBRATED}"]),
    Case("digits", "thin l1", [f"{THIN} --keep conv*=60% --criterion l1"]),
    Case(
        "digits",
        "plan and apply",
        [
            "plan {prototxt} {weights} --macs 0.5 --methods svd,channel_svd,thin -o out/plan.yaml",
            "apply out/plan.yaml {prototxt} {weights} -o out/applied",
            "explain out/plan.yaml",
        ],
    ),
    Case(
        "digits",
        "rank",
        [
            "rank {prototxt} {weights} --criteria l1,l2,somp -o out/weights.json",
            "rank {prototxt} {weights} --criteria activation,zeros --data {data} --no-cache "
            "-o out/data.json",
        ],
    ),
    Case(
        "digits",
        "convert",
        [
            "convert {weights} out/digits.caffemodel.h5 --prototxt {prototxt}",
            "convert {weights} out/half.caffemodel --prototxt {prototxt} --float16",
        ],
    ),
    Case("lenet", "svd proved", [f"{COMPRESS} --rank ip1=60 --json"]),
    Case("lenet", "macs calibrated", [f"{UNPROVED} --macs 0.4 {CALIBRATED}"]),
    Case("lenet", "thin calibrated", [f"{THIN} --macs 0.4 {CALIBRATED}"]),
    Case("mtcnn_det2", "describe", DESCRIBE),
    Case("mtcnn_det2", "spatial_svd", [f"{UNPROVED} --method spatial_svd --energy 0.95"]),
    Case("mtcnn_det2", "macs calibrated", [f"{UNPROVED} --macs 0.6 {CALIBRATED}"]),
    Case("mtcnn_det2", "thin calibrated", [f"{THIN} --macs 0.5 {CALIBRATED}"]),
    Case("mtcnn_det2", "thin", [f"{THIN} --params 0.5"]),
    Case("mtcnn_det2", "upgrade", ["upgrade {prototxt} {weights} -o out"]),
    Case("resnet20", "describe", DESCRIBE),
    Case("resnet20", "folds proved", [f"{COMPRESS} --fold-batchnorm --json"]),
    Case(
        "resnet20", "folds and tucker", [f"{UNPROVED} --macs 0.6 --methods fold_batchnorm,tucker"]
    ),
    Case("resnet20", "thin", [f"{THIN} --macs 0.6"]),
    Case("float16", "macs", [f"{UNPROVED} --macs 0.5"]),
    Case("float16", "convert", ["convert {weights} out/whole.caffemodel --prototxt {prototxt}"]),
    Case("hdf5", "macs", [f"{UNPROVED} --macs 0.5"]),
    Case("hdf5", "convert", ["convert {weights} out/net.caffemodel --prototxt {prototxt}"]),
    Case("v1", "channel_svd", [f"{UNPROVED} --method channel_svd --energy 0.9"]),
    Case("v1", "thin", [f"{THIN} --macs 0.5"]),
    Case("v1", "upgrade", ["upgrade {prototxt} {weights} -o out"]),
]
