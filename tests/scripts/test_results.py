from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sections() -> ModuleType:
    place = ROOT / "scripts" / "sections" / "__init__.py"
    spec = importlib.util.spec_from_file_location("results_sections", place)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def document(sections: ModuleType) -> str:
    text = "# Results\n\nBy hand.\n"
    for name in ("zeros", "low_rank", "spearman"):
        text = sections.put_in(text, name, f"Of {name}", f"| {name} |\n|---|\n")
    return text


def test_a_section_goes_where_its_order_says(document: str, sections: ModuleType) -> None:
    assert document == (
        "# Results\n\nBy hand.\n"
        "\n<!-- section: low_rank -->\n## Of low_rank\n\n| low_rank |\n|---|\n\n<!-- end -->\n"
        "\n<!-- section: zeros -->\n## Of zeros\n\n| zeros |\n|---|\n\n<!-- end -->\n"
        "\n<!-- section: spearman -->\n## Of spearman\n\n| spearman |\n|---|\n\n<!-- end -->\n"
    )
    assert set(sections.SECTIONS) >= {"low_rank", "zeros", "spearman"}


@pytest.mark.parametrize("name", ["low_rank", "zeros", "spearman"])
def test_only_the_section_that_was_made_changes(
    document: str, sections: ModuleType, name: str
) -> None:
    changed = sections.put_in(document, name, "Anew", "other figures")
    old = f"## Of {name}\n\n| {name} |\n|---|\n"
    assert changed == document.replace(old, "## Anew\n\nother figures\n")
    assert changed != document


def test_the_same_section_again_changes_nothing(document: str, sections: ModuleType) -> None:
    text = "| spearman |\n|---|\n"
    assert sections.put_in(document, "spearman", "Of spearman", text) == document


def test_a_section_without_an_end_is_refused(document: str, sections: ModuleType) -> None:
    broken = document.replace(sections.END, "")
    with pytest.raises(ValueError, match="section spearman has no"):
        sections.put_in(broken, "spearman", "Anew", "")


def test_every_section_of_the_document_has_its_module(sections: ModuleType) -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for name in sections.SECTIONS:
        assert (ROOT / "scripts" / "sections" / f"{name}.py").is_file(), name
    assert text.count("<!-- section: ") == text.count(sections.END)
