"""Windows of all sizes: where they lie, and that resizing keeps what a picture shows."""

from __future__ import annotations

import numpy as np
import pytest

from netsurgery.calibration import Inputs
from netsurgery.errors import RequestError
from netsurgery.training.augmentation import fitted_views, plain_inputs
from netsurgery.training.bank import ViewBank, usual_views
from netsurgery.training.draws import random_of
from netsurgery.training.zoom import ZoomedViews, resized

SHAPE = (2, 40, 60)


def ramps(count: int = 1, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Pictures whose channels say in which row and in which column a pixel lies."""
    rows, columns = np.mgrid[: shape[1], : shape[2]]
    return np.tile(np.stack([rows, columns]).astype(np.float32), (count, 1, 1, 1))


def test_a_window_shows_its_place_at_the_size_of_a_view() -> None:
    views = ZoomedViews(mirror=True, crop=(10, 10), zoom=0.3)
    found = views.views(ramps(2), np.array([[5, 30, 2 * 20], [5, 30, 2 * 20 + 1]]))
    assert found.shape == (2, 2, 10, 10)
    # Pixels two apart; but for those at the border, each is a mean around the middle of a pair.
    middles = 0.5 + 2 * np.arange(10)
    np.testing.assert_allclose(found[0, 0, 1:-1, 4], (5 + middles)[1:-1], rtol=1e-6)
    np.testing.assert_allclose(found[0, 1, 4, 1:-1], (30 + middles)[1:-1], rtol=1e-6)
    np.testing.assert_array_equal(found[1], found[0][..., ::-1])


@pytest.mark.parametrize("crop", [(10, 10), (40, 20), (20, 60), None])
@pytest.mark.parametrize("shift", [0, 3])
def test_windows_of_all_heights_are_drawn_within_the_picture(
    crop: tuple[int, int] | None, shift: int
) -> None:
    views = ZoomedViews(crop=crop, shift=shift, zoom=0.25)
    height, width = views.size(SHAPE)
    largest = height * min(40 / height, 60 / width)
    draws = views.draw(random_of(0, "views"), 4000, SHAPE)
    heights = draws[:, 2] // 2
    assert (draws[:, 2] % 2 == 0).all()
    assert (heights.min(), heights.max()) == (round(0.25 * largest), round(largest))
    # As many below the middle of the heights as above: 4 standard deviations of a binomial.
    below = np.count_nonzero(heights < 0.625 * largest)
    assert abs(below - 2000) < 4 * np.sqrt(1000) + 4000 / largest
    widths = np.rint(heights * width / height)
    assert (draws[:, :2] >= 0).all()
    assert (draws[:, 0] + heights <= 40 + 2 * shift).all()
    assert (draws[:, 1] + widths <= 60 + 2 * shift).all()
    assert (draws[:, 0] + heights == 40 + 2 * shift).any()
    assert (draws[:, 1] + widths == 60 + 2 * shift).any()


def test_the_plain_view_is_the_largest_window_in_the_centre() -> None:
    views = ZoomedViews(crop=(10, 10), zoom=0.3)
    assert views.plain(SHAPE) == (0, 10, 2 * 40)
    inputs = Inputs({"data": ramps(2)})
    plain = plain_inputs(inputs, views).arrays["data"][:]
    wanted = resized(ramps()[0, :, :, 10:50], (10, 10))
    np.testing.assert_array_equal(plain, np.stack([wanted] * 2))
    # All of a picture that is as large as the net's input.
    assert plain_inputs(inputs, ZoomedViews(zoom=0.5)) is inputs
    assert ZoomedViews(zoom=0.5).plain(SHAPE) == (0, 0, 2 * 40)


def test_pictures_larger_than_the_input_are_seen_through_windows_of_its_shape() -> None:
    views = fitted_views(ZoomedViews(zoom=0.3), Inputs({"data": ramps()}), {"data": (1, 2, 9, 12)})
    assert views == ZoomedViews(crop=(9, 12), zoom=0.3)


def test_a_few_pictures_have_many_views_of_all_sizes() -> None:
    views = ZoomedViews(zoom=0.3, mirror=True)
    assert [usual_views(count, views) for count in (4, 20, 5000)] == [256, 103, 1]
    bank = ViewBank(Inputs({"data": ramps(3)}), views, views=5)
    found = bank.as_inputs().arrays["data"][:]
    assert found.shape == (15, *SHAPE)
    np.testing.assert_array_equal(found[::5], ramps(3))
    assert len({view.tobytes() for view in found}) == 13  # the plain one thrice


@pytest.mark.parametrize("size", [(10, 15), (40, 60), (80, 90), (7, 59), (1, 1)])
def test_resizing_keeps_means_and_what_is_flat(size: tuple[int, int]) -> None:
    picture = np.random.RandomState(0).normal(size=SHAPE).astype(np.float32)
    np.testing.assert_allclose(resized(np.full(SHAPE, 3, np.float32), size), 3, rtol=1e-6)
    made = resized(picture, size)
    assert made.shape == (2, *size)
    if size == (40, 60):
        assert made is picture
    # Noise is averaged where it is made smaller: nothing but the mean is left of it at last.
    assert made.std() <= 1.05 * picture.std()


def test_enlarging_is_linear_between_pixels() -> None:
    line = np.array([[[0.0, 1.0, 4.0]]], np.float32)
    wanted = [0, 0.25, 0.75, 1.75, 3.25, 4]
    np.testing.assert_allclose(resized(line, (1, 6))[0, 0], wanted, rtol=1e-6)


@pytest.mark.parametrize("zoom", [0.0, -1.0, 1.5])
def test_a_share_that_is_none_is_refused(zoom: float) -> None:
    with pytest.raises(RequestError, match="`zoom` is the share of a picture"):
        ZoomedViews(zoom=zoom)
