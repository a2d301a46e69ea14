"""scripts/mutants makes the faults that it says, finds the tests that run them, and counts."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from mutation.operators import Mutant, find_mutants
from mutation.trial import Reached, digest_of

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def faults_of(source: str) -> List[str]:
    """The statement of a module of one line, with each of its faults."""
    return [mutant.source for mutant in find_mutants("one.py", source)]


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("a < b", ["a <= b"]),
        ("a == b != c", ["a != b != c", "a == b == c"]),
        ("x = a + b * c", ["x = a - b * c", "x = a + b / c"]),
        ("x += y", ["x -= y"]),
        ("x = a and b", ["x = a or b"]),
        ("x = not a", ["x = a"]),
        ("x = 3", ["x = 4"]),
        ("x = 0.0", ["x = 1.0"]),
        ("x = True", ["x = False"]),
        ("x = min(a)", ["x = max(a)"]),
        ("x = np.argmin(a)", ["x = np.argmax(a)"]),
        ("x = [a for a in b if c]", ["x = [a for a in b]"]),
        ("x = a if b else c", ["x = a if not b else c"]),
        ("f(a)", ["pass"]),
    ],
)
def test_each_operator_makes_its_fault(source: str, faults: List[str]) -> None:
    assert faults_of(source) == faults


@pytest.mark.parametrize(
    "source",
    [
        "import a",
        "'a docstring'",
        "__all__ = [1]",
        "raise ValueError(1 + 1)",
        "x = PlanError('a', 3)",
        "x = 'a' + b",
        "def f(a: Tuple[1]) -> Tuple[2]: ...",
    ],
)
def test_nothing_is_made_of_what_tests_need_not_notice(source: str) -> None:
    assert faults_of(source) == []


def test_a_fault_leaves_the_rest_as_it_is() -> None:
    source = "def f(a):\n    if a > 1:\n        return a\n    return 2\n"
    mutants = find_mutants("one.py", source)
    assert [mutant.label for mutant in mutants] == [
        "one.py:2: if a > 1: return a  ->  if not a > 1: return a",
        "one.py:2: a > 1  ->  a >= 1",
        "one.py:2: 1  ->  2",
        "one.py:3: return a  ->  return None",
        "one.py:4: return 2  ->  return None",
        "one.py:4: 2  ->  3",
    ]
    wanted = source.replace("return a", "return None").strip()
    assert mutants[3].source == wanted
    assert ast.dump(ast.parse(source)) == ast.dump(mutants[3].tree)


def test_the_tests_of_a_fault_are_those_that_run_its_statement_quickest_first() -> None:
    inner, constant = find_mutants("one.py", "def f(a):\n    return g(a)\n\n\nX = 3\n")
    reached = Reached(
        {"one.py": {"1": ["t.py::other"], "2": ["t.py::slow", "t.py::quick", "fixture.py"]}},
        {"t.py::slow": 3.0, "t.py::quick": 1.0, "t.py::other": 0.5, "fixture.py::a": 2.0},
    )
    assert reached.tests_of(inner) == ["t.py::quick", "fixture.py::a", "t.py::slow"]
    # What uses a constant is not known: all that run anything of its module may.
    assert len(reached.tests_of(constant)) == 4
    assert reached._replace(failed=["t.py::quick"]).tests_of(inner)[0] == "fixture.py::a"
    nowhere = Mutant("two.py", inner.tree, inner.site, inner.change)
    assert reached.tests_of(nowhere) == []


def test_what_tests_run_is_recorded_anew_for_other_tests_and_other_code(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    for name in ("room/a.py", "room/b.py", "c.py"):
        (tmp_path / name).write_text("x = 1\n")
    asked = [["room"], ["room/a.py"], ["room/b.py"], ["c.py"], ["room", "c.py"]]
    found = {digest_of(tmp_path, names) for names in asked}
    assert len(found) == len(asked)
    assert {digest_of(tmp_path, names) for names in asked} == found
    (tmp_path / "c.py").write_text("x = 2\n")
    assert digest_of(tmp_path, ["c.py"]) not in found
    assert digest_of(tmp_path, ["room"]) in found


def test_a_result_that_is_lost_is_noticed(tmp_path: Path) -> None:
    if sys.version_info < (3, 12):
        pytest.skip("needs the monitoring of Python 3.12")
    if not (SCRIPTS.parent / ".git").exists():
        pytest.skip("needs git to copy the checkout")
    command = [sys.executable, str(SCRIPTS / "mutants"), "registry", "--sample", "1"]
    command += ["--tests", "tests/test_registry.py", "--at-least", "1", "--only"]
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done, nothing = (
        subprocess.run([*command, text], capture_output=True, text=True, env=environment)
        for text in ("->  return None", "no such fault")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "registry: 1 of 1 faults noticed, 100%"
    assert nothing.returncode == 2
