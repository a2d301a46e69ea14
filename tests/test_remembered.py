from __future__ import annotations

import pickle

import pytest

from netsurgery.remembered import Remembered


def test_each_question_is_worked_out_once_and_the_oldest_answer_goes():
    worked_out = []

    def ask(question: str) -> str:
        return known.get(question, lambda: worked_out.append(question) or question.upper())

    known = Remembered(2)
    assert [ask(question) for question in ("a", "b", "a", "c", "a", "b")] == list("ABACAB")
    # ``c`` pushed out ``b``, as ``a`` had been asked for again.
    assert worked_out == ["a", "b", "c", "b"]
    assert len(known) == 2


def test_what_raises_is_not_remembered_and_none_is():
    known = Remembered(2)
    with pytest.raises(ZeroDivisionError):
        known.get("a", lambda: 1 // 0)
    assert known.get("a", lambda: None) is None
    assert known.get("a", lambda: 1) is None


def test_it_is_sent_empty():
    known = Remembered(2)
    known.get("a", lambda: 1)
    assert len(pickle.loads(pickle.dumps(known))) == 0
