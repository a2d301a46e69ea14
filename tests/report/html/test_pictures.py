"""What both nets make of an input, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_reader import Page as Read

from netsurgery.calibration import Preprocessing
from netsurgery.jobs import ShownPicture
from netsurgery.jobs.showing import _to_rgb, _unprepared
from netsurgery.quality import DETECTIONS, PICTURE, SEGMENTATION
from netsurgery.report.html.pictures import pictures_of

pytest.importorskip("matplotlib")

PHOTO = np.random.default_rng(0).uniform(size=(20, 40, 3))


def pixels(png: bytes) -> np.ndarray:
    """The colours of a picture, as numbers up to 255."""
    import io

    from matplotlib.image import imread

    read: Any = imread(io.BytesIO(png))
    return np.round(read[..., :3] * 255).astype(int)


def test_boxes_of_both_stand_on_the_photo_where_they_are() -> None:
    before = np.array([[[0, 1, 0.9, 0.25, 0.5, 0.75, 1.0], [0, 1, 0.2, 0, 0, 1, 1]]])
    after = np.array([[[0, 2, 0.8, -0.5, 0.0, 0.5, 0.5]]])
    made = pictures_of(ShownPicture("out", DETECTIONS, PHOTO, before, after))
    (picture,) = made.pictures
    assert [(kind, *place) for kind, _, *place in picture.boxes] == [
        ("before", 10.0, 10.0, 20.0, 10.0),
        ("after", 0.0, 0.0, 20.0, 10.0),
    ]
    assert "1 boxes of the original" in made.caption
    assert (picture.width, picture.height) == (40, 20)
    np.testing.assert_allclose(pixels(picture.png), PHOTO * 255, atol=1)


def test_a_picture_stands_beside_the_other_and_their_difference() -> None:
    before = np.random.default_rng(1).uniform(10, 20, size=(3, 20, 40))
    before[0, 0, 0], before[0, 0, 1] = 10, 20
    after = before.copy()
    after[0, 3, 4] += 2.0  # blue, where the net makes BGR
    made = pictures_of(ShownPicture("out", PICTURE, PHOTO, before, after, (2, 1, 0)))
    first, _, difference = map(pixels, (one.png for one in made.pictures))
    np.testing.assert_allclose(first[..., 2], (before[0] - 10) / 10 * 255, atol=1)
    assert difference[3, 4].tolist() == [0, 0, 255]
    assert difference.sum() == 255
    assert "20.000% of the range" in made.pictures[2].caption


def test_a_segmentation_has_a_colour_a_class_and_shows_where_it_is_another() -> None:
    before = np.zeros((3, 20, 40))
    before[1, :, :10] = 1
    after = before.copy()
    after[2, 5, 5] = 2
    made = pictures_of(ShownPicture("out", SEGMENTATION, PHOTO, before, after))
    _, first, second, other = map(pixels, (one.png for one in made.pictures))
    assert first[0, 0].tolist() == [230, 159, 0]
    assert second[5, 5].tolist() == [86, 180, 233]
    assert (other.sum(axis=2) > 0).sum() == 1
    assert f"{1 / 800:.2%}" in made.pictures[3].caption


@pytest.mark.parametrize(
    "how",
    [
        Preprocessing(),
        Preprocessing(mean=(104.0, 117.0, 123.0)),
        Preprocessing(raw_scale=1.0, channel_swap=(2, 1, 0)),
        Preprocessing(channel_swap=(0, 1, 2), mean=(127.5,), input_scale=1 / 128),
        Preprocessing(channel_swap=(1, 2, 0)),
    ],
)
def test_a_photo_is_shown_as_it_was_before_it_was_prepared(how: Preprocessing) -> None:
    swap = list(how.channel_swap or (2, 1, 0))
    mean = np.reshape(how.mean or 0.0, (-1, 1, 1))
    fed = PHOTO.transpose(2, 0, 1)[swap] * how.raw_scale
    sample = (fed - mean) * (how.input_scale or 1.0)
    np.testing.assert_allclose(_unprepared(sample, how, _to_rgb(how, 3)), PHOTO, atol=1e-6)


def test_a_detector_is_shown_on_its_photo(
    netsurgery, zoo: Path, shared: Path, tmp_path: Path, opencv: str
) -> None:
    folder, page = zoo / "yufacedetect_v1", tmp_path / "page.html"
    pair = folder / "deploy.prototxt", folder / "yufacedetectnet-open-v1.caffemodel"
    asked = ("compress", *pair, "--rank", "conv6_3=60", "--engine", opencv, "--accept-loss")
    photo = shared / "data" / "images" / "test1.jpg"
    told = ("--inputs", photo, "--mean", "104,117,123", "-o", tmp_path / "out", "--html", page)
    done = netsurgery(*asked, *told)
    assert done.status == 0, done.err
    read = Read(page.read_text(encoding="utf-8"))
    read.check()
    assert {"Pictures", "Where the error arises"} <= set(read.sections)
    assert any(one.startswith("data:image/png;base64,") for one in read.addresses)
    assert any("before: class 1, score" in text for text in read.texts)
    assert any("after: class 1, score" in text for text in read.texts)
    assert "conv6_3" in [row["blob"] for rows in _tables_of(read, "blob") for row in rows]


def _tables_of(read: Read, title: str) -> Any:
    return [read.rows(number) for number, table in enumerate(read.tables) if table[0][0] == title]
