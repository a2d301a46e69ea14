"""Texts in columns of a screen; rich knows how wide letters are."""

from __future__ import annotations

from hypothesis import given, strategies as st
from rich.cells import cell_len

from netsurgery.report.folding import cells, folded

TEXTS = st.text(st.sampled_from([*"abc 1,_", "é", "▁", "全", "名", "\u0301"]), max_size=40)


@given(TEXTS)
def test_letters_take_the_columns_that_they_take_on_a_screen(text: str) -> None:
    assert cells(text) == cell_len(text)


@given(TEXTS, st.integers(2, 30))
def test_lines_fit_and_say_all_that_the_text_says(text: str, width: int) -> None:
    lines = folded(text, width)
    assert max(map(cells, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_words_stay_whole_where_they_fit() -> None:
    assert folded("one two three", 9) == ["one two ", "three"]
    assert folded("", 9) == [""]
