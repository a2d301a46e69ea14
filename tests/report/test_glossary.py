"""Every word of the reports is explained, in one place."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Iterator

import pytest

from netsurgery import report
from netsurgery.budgets.request import SCORES
from netsurgery.costs import CURRENCIES
from netsurgery.criteria import CRITERIA
from netsurgery.errors import NetsurgeryError
from netsurgery.methods import METHODS
from netsurgery.quality.limits import LIMITS
from netsurgery.report.compression import AS_PLANNED
from netsurgery.report.glossary import TERMS, explain_word, explained, glossary_terms, is_term
from netsurgery.report.quality import STILL_GOOD

REPORTS = sorted(Path(report.__file__).parent.glob("*.py"))
VERDICTS = ("proved", "unproven", "FAILED", "passed", "good", "degraded", "lost", "unjudged")
OTHERS = ("twin", "truncation", "rounding", "float noise", "fit", "refit", "rank")


def literals(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


def titles() -> Iterator[tuple[str, str]]:
    """What stands above the columns of all tables, with the module it stands in.

    Titles are the texts of tuples and lists of which one text begins with ``>``, as that aligns a
    column to the right, and the first items of the rows of `saving_rows`.
    """
    for path in REPORTS:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, (ast.Tuple, ast.List)):
                found = [
                    one.value
                    for one in node.elts
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                ]
                if any(text.startswith(">") for text in found):
                    yield from ((path.name, text.lstrip(">")) for text in found if text)


def test_the_titles_of_all_tables_are_explained() -> None:
    found = list(titles())
    assert {name for name, _ in found} >= {
        *("compression.py", "verification.py", "plan.py", "explain.py", "inspection.py"),
        "ranking.py",
    }
    missing = [f"{name}: {title}" for name, title in found if not is_term(title)]
    assert not missing


def test_what_is_saved_and_what_is_judged_is_explained() -> None:
    rows = ("weights", "MACs", "file", "time, as planned", "loss", "predicted", "budget")
    for word in (*rows, *VERDICTS, *OTHERS, *CURRENCIES, *SCORES):
        assert is_term(word), word


def test_the_branches_of_groups_and_the_severities_are_explained() -> None:
    tree = ast.parse((Path(report.__file__).parent / "channels.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    branches = [
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id == "_branch"
        and isinstance(call.args[0], ast.Constant)
    ]
    assert len(branches) >= 7
    for word in (*branches, "error", "warning", "note"):
        assert is_term(word), word


def test_what_outputs_are_and_are_judged_by_is_explained() -> None:
    for kind, limits in LIMITS.items():
        assert is_term(kind)
        assert all(is_term(one.figure) for one in limits)
    for word in (AS_PLANNED, STILL_GOOD, "caution"):
        assert is_term(word)


def test_every_method_and_criterion_is_explained_by_its_own_words() -> None:
    for name in (*METHODS.all(), *CRITERIA.all()):
        assert len(explain_word(name)) > 20
    assert list(glossary_terms())[: len(TERMS)] == list(TERMS)


def test_no_word_is_explained_twice() -> None:
    names = [name.lower() for terms in glossary_terms().values() for name in terms]
    assert len(names) == len(set(names))


def test_a_legend_is_the_first_sentence_in_one_line() -> None:
    (line,) = explained(["noise"])
    assert line.startswith("  noise: the error that float arithmetic")
    assert not line.endswith(".")
    for terms in TERMS.values():
        for word in terms:
            assert len(explained([word])[0]) < 150
            assert "\n" not in explain_word(word)


def test_what_is_no_word_is_told_what_is_like_it() -> None:
    assert explain_word("  Predicted   ERROR ") == explain_word("predicted error")
    with pytest.raises(NetsurgeryError, match=r"no term 'nois'; did you mean .*noise"):
        explain_word("nois")
    with pytest.raises(NetsurgeryError, match="see `netsurgery help terms`"):
        explain_word("qqqq")


def test_reports_explain_only_words_that_there_are() -> None:
    legends = [
        word
        for path in REPORTS
        for word in re.findall(r"legend=\(([^)]*)\)|LEGEND = \(([^)]*)\)", path.read_text())
    ]
    words = [one for part in legends for one in re.findall(r'"([^"]+)"', "".join(part))]
    assert len(words) > 10
    assert all(is_term(word) for word in words)
