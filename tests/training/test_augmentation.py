"""Views of pictures, held against what Caffe's own transformer makes while it trains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_layers import RealCaffe, data_layer, images, raw, write_lmdb

from netsurgery.calibration import Inputs, declared_views, read_inputs
from netsurgery.errors import RequestError
from netsurgery.training.augmentation import Augmentation, fitted_views, pictures_of, plain_inputs
from netsurgery.training.draws import random_of

PICTURES = np.arange(2 * 3 * 5 * 7, dtype=np.float32).reshape(2, 3, 5, 7)


def test_a_view_is_cut_where_it_was_drawn_and_mirrored() -> None:
    augmentation = Augmentation(mirror=True, crop=(3, 4))
    draws = np.array([[2, 1, 0], [0, 3, 1]])
    found = augmentation.views(PICTURES, draws)
    np.testing.assert_array_equal(found[0], PICTURES[0, :, 2:5, 1:5])
    np.testing.assert_array_equal(found[1], PICTURES[1, :, 0:3, 3:7][:, :, ::-1])


def test_a_shift_moves_the_picture_over_what_is_put_around() -> None:
    augmentation = Augmentation(shift=2, fill=-1.0)
    assert augmentation.size((3, 5, 7)) == (5, 7)
    up_and_left = augmentation.views(PICTURES, np.array([[4, 3, 0], [2, 2, 0]]))
    np.testing.assert_array_equal(up_and_left[0, :, :3, :6], PICTURES[0, :, 2:, 1:])
    assert (up_and_left[0, :, 3:] == -1).all()
    assert (up_and_left[0, :, :, 6:] == -1).all()
    np.testing.assert_array_equal(up_and_left[1], PICTURES[1])


def test_all_places_are_drawn_alike() -> None:
    augmentation = Augmentation(mirror=True, crop=(4, 5))
    draws = augmentation.draw(random_of(0, "views"), 6000, (3, 5, 7))
    _, counts = np.unique(draws, axis=0, return_counts=True)
    assert len(counts) == 2 * 3 * 2
    # 500 each are expected; 5 standard deviations of a binomial are 107.
    assert (abs(counts - 500) < 107).all()


def test_the_plain_view_is_the_centre() -> None:
    inputs = Inputs({"data": PICTURES})
    plain = plain_inputs(inputs, Augmentation(mirror=True, crop=(3, 4)))
    np.testing.assert_array_equal(plain.arrays["data"][:], PICTURES[:, :, 1:4, 1:5])
    assert plain.arrays["data"].shape == (2, 3, 3, 4)
    assert plain_inputs(inputs, Augmentation(mirror=True, shift=2)) is inputs


@pytest.mark.parametrize("mean", ["", "mean_value: 7", "mean_file"])
def test_the_views_are_those_of_caffes_own_transformer(
    caffe_python: str, tmp_path: Path, mean: str
) -> None:
    """Caffe draws with a generator of its own; what it can draw is what we can."""
    (pixels,) = images(1, (3, 4, 5))
    database = write_lmdb(tmp_path / "lmdb", [raw(pixels, 3)])
    around = np.zeros((3, 1, 1), np.float32)
    if mean == "mean_value: 7":
        around += 7
    elif mean:
        around = images(1, (3, 4, 5), seed=1)[0].astype(np.float32)
        file = tmp_path / "mean.binaryproto"
        file.write_bytes(as_blob(around))
        mean = f'mean_file: "{file}"'
    transform = f"transform_param {{ mirror: true crop_size: 3 scale: 0.5 {mean} }}"
    source = f'data_param {{ source: "{database}" batch_size: 50 backend: LMDB }}'
    real = RealCaffe(caffe_python, tmp_path)
    text = data_layer("Data", f"{source} {transform}")
    prototxt, folder = real.add(text, 4, phase="TRAIN")
    real.run()
    fed = {view.tobytes() for view in np.load(folder / "data.npy")}
    inputs = read_inputs(prototxt, {"data": (50, 3, 3, 3)}, uncut=True)
    uncut = np.asarray(inputs.arrays["data"][:1])[0]
    np.testing.assert_array_equal(uncut, (pixels - around) * np.float32(0.5))
    augmentation = Augmentation(*declared_views(prototxt))
    random = random_of(0, "all")
    draws = np.unique(augmentation.draw(random, 500, uncut.shape), axis=0)
    ours = augmentation.views(np.stack([uncut] * len(draws)), draws)
    # Of 12 views one is missing among 200 with a probability of 3e-7.
    assert len(draws) == 2 * 3 * 2 == len(fed)
    assert fed == {view.tobytes() for view in ours}


def as_blob(array: np.ndarray) -> bytes:
    from netsurgery.formats.schema import message_class

    blob = message_class("BlobProto")(channels=3, height=4, width=5, num=1)
    blob.data.extend(array.ravel().tolist())
    return bytes(blob.SerializeToString())


def test_views_are_as_large_as_what_the_net_reads() -> None:
    inputs, whole = Inputs({"data": PICTURES}), Augmentation(shift=1)
    assert fitted_views(whole, inputs, {"data": (8, 3, 5, 7)}) is whole
    cut = fitted_views(whole, inputs, {"data": (8, 3, 4, 5)})
    assert cut == Augmentation(shift=1, crop=(4, 5))
    assert fitted_views(cut, inputs, {"data": (8, 3, 4, 5)}) is cut
    with pytest.raises(
        RequestError, match="`crop` makes views of 4 x 5, and the net's input 'data"
    ):
        fitted_views(cut, inputs, {"data": (8, 3, 5, 7)})
    two = Inputs({"data": PICTURES, "rois": np.zeros((2, 5), np.float32)})
    plain = Augmentation()
    assert fitted_views(plain, two, {"data": (1, 3, 5, 7), "rois": (1, 5)}) is plain


def test_views_that_cannot_be_are_refused() -> None:
    inputs = Inputs({"data": PICTURES})
    with pytest.raises(RequestError, match=r"6 x 6 cannot be cut out .* give a smaller `crop`"):
        pictures_of(inputs, Augmentation(crop=(6, 6)))
    assert pictures_of(inputs, Augmentation(crop=(6, 6), shift=1)) == "data"
    with pytest.raises(RequestError, match=r"`shift` 30 moves pictures of .* out of sight"):
        pictures_of(inputs, Augmentation(shift=30))
    with pytest.raises(RequestError, match="`shift` is a number of pixels"):
        Augmentation(shift=-1)
    two = Inputs({"data": PICTURES, "rois": np.zeros((2, 5), np.float32)})
    with pytest.raises(RequestError, match=r"'rois' \(2, 5\); leave `mirror`, `crop` and `shift`"):
        pictures_of(two, Augmentation(mirror=True))
    assert pictures_of(two, Augmentation()) is None
