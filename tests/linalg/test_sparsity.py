"""Which weights stay, by counting and against sorting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from netsurgery.linalg import Pattern, choose_open

shapes = st.sampled_from([(4, 6), (3, 2, 3, 3), (8, 1), (2, 5, 1, 2)])
layers = st.lists(shapes, min_size=1, max_size=3).flatmap(
    lambda found: st.tuples(
        *(arrays(np.float64, shape, elements=st.floats(0, 9)) for shape in found)
    )
)


@given(layers, st.floats(0, 1), st.booleans())
@settings(max_examples=150, deadline=None)
def test_so_many_stay_and_they_are_the_best(scores, sparsity, together):
    stays = choose_open(scores, sparsity, Pattern(), together)
    pairs = list(zip(scores, stays))
    for some in [pairs] if together else [[pair] for pair in pairs]:
        total = sum(one.size for one, _ in some)
        wanted = round((1 - sparsity) * total)
        assert sum(int(own.sum()) for _, own in some) == max(wanted, len(some))
        best = [np.unravel_index(np.argmax(one), one.shape) for one, _ in some]
        assert all(own[place] for (_, own), place in zip(some, best)), "no layer is emptied"
        chosen = [one[own] for one, own in some]
        for place, (one, own), mine in zip(best, some, range(len(some))):
            chosen[mine] = one[
                own & (np.indices(one.shape) != np.reshape(place, (-1, *[1] * one.ndim))).any(0)
            ]
        least = min((float(left.min()) for left in chosen if left.size), default=np.inf)
        gone = max((float(one[~own].max()) for one, own in some if not own.all()), default=-np.inf)
        assert least >= gone


@given(layers, st.floats(0, 1), st.sampled_from(["kernels", "rows", "columns"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_units_go_whole_and_as_many_as_come_nearest(scores, sparsity, kind, together):
    axes = {"kernels": (2,), "rows": (1, 2), "columns": (0, 2)}[kind]
    stays = choose_open(scores, sparsity, Pattern(kind), together)
    pairs = [
        (one.reshape(*one.shape[:2], -1), own.reshape(*own.shape[:2], -1))
        for one, own in zip(scores, stays)
    ]
    for some in [pairs] if together else [[pair] for pair in pairs]:
        sizes = [one.size // one.any(axes).size for one, _ in some]
        for _, own in some:
            assert np.array_equal(own.all(axes), own.any(axes))
        wanted = round((1 - sparsity) * sum(one.size for one, _ in some))
        count = sum(int(own.sum()) for _, own in some)
        assert count >= min(wanted, sum(sizes)) - max(sizes) / 2
        assert count <= max(wanted + max(sizes) / 2, sum(sizes))


@given(layers, st.sampled_from([(1, 2), (2, 4), (1, 4), (3, 4)]))
@settings(max_examples=60, deadline=None)
def test_of_so_many_in_a_row_so_many_stay(scores, counts):
    keep, of = counts
    pattern = Pattern.parse(f"{keep}:{of}")
    for one, own in zip(scores, choose_open(scores, 1 - keep / of, pattern, True)):
        rows, stays = one.reshape(len(one), -1), own.reshape(len(one), -1)
        for start in range(0, rows.shape[1], of):
            group, left = rows[:, start : start + of], stays[:, start : start + of]
            assert (left.sum(axis=1) == -(-keep * group.shape[1] // of)).all()
            best = np.sort(group, axis=1)[:, ::-1][:, : left.sum(axis=1)[0]]
            np.testing.assert_array_equal(np.sort(group[left].reshape(best.shape))[:, ::-1], best)


def test_what_is_gone_stays_gone():
    scores = np.array([[-np.inf, 1.0], [-np.inf, 0.5]])
    for kind in ("weights", "kernels", "rows"):
        (stays,) = choose_open([scores], 0.25, Pattern(kind), True)
        assert not stays[:, 0].any()
    (stays,) = choose_open([scores], 0.5, Pattern.parse("1:2"), True)
    np.testing.assert_array_equal(stays, [[False, True], [False, True]])


def test_layers_share_one_threshold_or_have_each_its_own():
    small, large = np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[5.0, 6.0, 7.0, 8.0]])
    together = choose_open([small, large], 0.5, Pattern(), True)
    assert [int(one.sum()) for one in together] == [1, 3]  # the best of each layer is safe
    apart = choose_open([small, large], 0.5, Pattern(), False)
    assert [int(one.sum()) for one in apart] == [2, 2]


@pytest.mark.parametrize("text", ["weights", "kernels", "rows", "columns", "2:4", "1:16"])
def test_patterns_are_told_as_they_are_read(text):
    assert str(Pattern.parse(text)) == text


@pytest.mark.parametrize("text", ["4:2", "2:2", "0:4", "2:4:8", "filters", ""])
def test_other_words_are_refused(text):
    with pytest.raises(ValueError, match="nor N:M"):
        Pattern.parse(text)


@pytest.mark.parametrize(
    ("sparsity", "pattern", "score"),
    [(1.5, "weights", 1.0), (-0.1, "rows", 1.0), (0.9, "2:4", 1.0), (0.5, "weights", np.nan)],
)
def test_nonsense_is_refused(sparsity, pattern, score):
    with pytest.raises(ValueError, match=r"sparsity|closes|NaN"):
        choose_open([np.full((2, 4), score)], sparsity, Pattern.parse(pattern), True)
