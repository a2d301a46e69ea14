"""Presets: one name for how images are prepared, and what goes before it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from netsurgery.calibration import Preprocessing, find_preset, known_presets, prepared
from netsurgery.calibration.preset import ALIASES, SETTINGS
from netsurgery.errors import FormatError, NetsurgeryError

RGB = np.array([10.0, 120.0, 250.0])
BGR = RGB[::-1]

# What the authors of the nets say, for a pixel of these values from 0 to 255.
FORMULAS = {
    "caffenet": BGR - [104.00698793, 116.66876762, 122.67891434],
    "cifar10": RGB - [125.307, 122.95, 113.865],
    "darknet": RGB / 255,
    "googlenet": BGR - [104, 117, 123],
    "mobilenet": (BGR - [103.94, 116.78, 123.68]) * 0.017,
    "mobilenet-ssd": (BGR - 127.5) * 0.007843,
    "mtcnn": (RGB - 127.5) / 128,
    "squeezenet": BGR - [104, 117, 123],
    "ssd-vgg": BGR - [104, 117, 123],
    "ultraface": (RGB - 127) / 128,
    "vgg": BGR - [103.939, 116.779, 123.68],
    "yolo-lite": (BGR - 127.5) * 0.007843,
}


def sample(how: Preprocessing, pixel: np.ndarray) -> np.ndarray:
    """A pixel of an image of one colour, as the net sees it."""
    image = np.broadcast_to((pixel / 255).astype(np.float32), (8, 8, len(pixel)))
    return how.transformer((len(pixel), 8, 8))(image)[:, 4, 4]


def test_every_preset_is_tested_and_says_for_which_nets_it_is() -> None:
    assert set(known_presets()) == {*FORMULAS, "mnist"}
    assert all(one.description and one.source for one in known_presets().values())
    assert set(ALIASES.values()) <= set(known_presets())


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_a_preset_does_what_the_authors_of_its_nets_do(name: str) -> None:
    how = prepared(name)
    assert how is not None
    # float32 of numbers up to 255.
    np.testing.assert_allclose(sample(how, RGB), FORMULAS[name], rtol=1e-5, atol=1e-5)


def test_grey_digits_are_scaled_as_caffe_does() -> None:
    how = prepared("lenet")
    assert how is not None
    assert sample(how, np.array([128.0])) == pytest.approx([0.5])


def test_single_settings_go_before_the_preset_and_are_said() -> None:
    how = prepared("mtcnn", input_scale=1.0, mean=None)
    assert how is not None
    np.testing.assert_allclose(sample(how, RGB), RGB - 127.5, rtol=1e-6)
    assert (how.preset, how.overrides) == ("mtcnn", ("input_scale",))
    assert how.told == "prepared as mtcnn but for input_scale"
    assert how.to_dict() == {
        "channel_swap": [0, 1, 2],
        "raw_scale": 255.0,
        "mean": [127.5],
        "input_scale": 1.0,
        "preset": "mtcnn",
        "overrides": ["input_scale"],
    }


def test_a_mean_file_takes_the_place_of_the_mean_of_a_preset(tmp_path: Path) -> None:
    np.save(tmp_path / "mean.npy", np.array([1.0, 2.0, 3.0]))
    how = prepared("googlenet", mean_file=str(tmp_path / "mean.npy"), images_dim=(8, 8))
    assert how is not None
    assert how.mean is None
    np.testing.assert_allclose(sample(how, RGB), BGR - [1, 2, 3], rtol=1e-5)


def test_without_a_preset_nothing_changes() -> None:
    assert prepared(None) is None
    assert prepared(None, mean=(1.0,)) == Preprocessing(mean=(1.0,))
    assert Preprocessing(mean=(1.0,)).told == ""


def test_a_file_is_a_preset_and_its_mean_file_lies_beside_it(tmp_path: Path) -> None:
    np.save(tmp_path / "mean.npy", np.array([1.0, 2.0, 3.0]))
    path = tmp_path / "mine.yaml"
    path.write_text("raw_scale: 1\nmean_file: mean.npy\nchannel_swap: [0, 1, 2]\n")
    how = prepared(str(path))
    assert how is not None
    np.testing.assert_allclose(sample(how, RGB), RGB / 255 - [1, 2, 3], rtol=1e-5)
    assert how.preset == str(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no preset"),
        ("[1, 2]", "is no preset"),
        ("colour: red", "a preset has no 'colour'"),
        ("mean: red", "mean: 'red' is no setting"),
        ("input_scale: [1, 2]", "input_scale: [1, 2] is no setting"),
        ("channel_swap: []", "channel_swap: [] is no setting"),
        ("mean: 1\nmean_file: a.npy", "both a mean and a mean file"),
        ("images_dim: [1, 2, 3]", "is not a height and a width"),
        ("mean: [1", "YAML"),
    ],
)
def test_a_wrong_file_is_a_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        find_preset(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_unknown_name_lists_those_that_are_known() -> None:
    with pytest.raises(NetsurgeryError, match=r"there is no preset 'mtcn'; choose among .*mtcnn"):
        find_preset("mtcn")
    with pytest.raises(FormatError, match="no such file"):
        find_preset("nowhere/mine.yaml")


def test_a_preset_may_say_what_preprocessing_takes() -> None:
    own = {"preset", "overrides"}
    assert set(SETTINGS) == {one.name for one in fields(Preprocessing)} - own
