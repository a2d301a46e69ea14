"""A calibrated plan of the net of VGG16's shape at half its MACs."""

from __future__ import annotations

from typing import Iterator

from photo_crops import photos

from benchmarks.comparison.bench import Bench, Command, NotHereError, Row, faster

MINUTES = 20.0
WANTED, MOST_BYTES = 8.0, 2.5e9
PHOTOS = 8


def measure(bench: Bench) -> Iterator[Row]:
    """Time it, and look at its memory."""
    command = _command(bench)
    ours, theirs = bench.both(command, WANTED)
    yield faster(command, ours, theirs, WANTED)
    yield Row(
        f"{command.title}: peak memory of all processes",
        f"{theirs.tree / 1e9:.2f} GB",
        f"{ours.tree / 1e9:.2f} GB",
        f"{ours.tree / max(theirs.tree, 1):.2f} of it",
        f"at most {MOST_BYTES / 1e9:g} GB",
        0 < ours.tree <= MOST_BYTES,
    )
    yield bench.beside_others(command, ours)


def _command(bench: Bench) -> Command:
    import cv2

    images = bench.data / "images"
    if not images.is_dir():
        raise NotHereError(f"{images} is not here")
    folder = bench.setting.work / "photos-of-vgg16"
    folder.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(photos(images)[:PHOTOS]):
        cv2.imwrite(str(folder / f"{number}.png"), cv2.imread(str(file)))
    prototxt = bench.setting.prototxt("deploy", bench.setting.model.deploy())
    words = ["plan", prototxt, bench.setting.weights, "--macs", 0.5, "--calibrate", folder]
    words += ["--mean", "104,117,123", "--no-cache", "-o", "{out}/plan.yaml"]
    title = f"calibrated plan of the VGG16-shaped net at half its MACs, {PHOTOS} photos"
    return Command("vgg16-plan", title, words)
