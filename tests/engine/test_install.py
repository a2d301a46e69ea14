"""Making the private environment, with a Python that only pretends."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List

import pytest

from netsurgery.engine.install import (
    install_caffe,
    private_environment,
    private_python,
)
from netsurgery.errors import EngineError

# Answers the version question, makes an environment that holds a copy of itself, and
# fails at each step for which the folder of failures has a file.
FAKE_PYTHON = """#!/bin/sh
fail() {{
    if [ -e "{failures}/$1" ]; then echo "first line" >&2; echo "no $1 today" >&2; exit 1; fi
}}
case "$1 $2" in
    "-c import ensurepip"*) fail question; echo {version} ;;
    "-m venv") fail venv; mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
    "-m pip") fail pip; touch "$(dirname "$0")/installed" ;;
    "-c import caffe"*) fail import ;;
esac
"""
FAKE_UV = """#!/bin/sh
for target; do :; done
mkdir -p "$target/bin"
cp "{python}" "$target/bin/python"
"""


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty home with an empty PATH; ``failures`` holds the names of steps that fail."""
    for folder in ("path", "failures", "pyenv"):
        (tmp_path / folder).mkdir()
    monkeypatch.setenv("NETSURGERY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    # The fakes' own commands, and nothing that is called python.
    for command in ("sh", "mkdir", "cp", "touch", "dirname"):
        (tmp_path / "path" / command).symlink_to(f"/bin/{command}")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path


def add_python(home: Path, path: str, version: str) -> Path:
    python = home / path
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(FAKE_PYTHON.format(failures=home / "failures", version=version))
    python.chmod(0o755)
    return python


def is_installed() -> bool:
    return (private_python().parent / "installed").exists()


def leftovers(home: Path) -> List[str]:
    folder = home / "home"
    return os.listdir(folder) if folder.exists() else []


def test_the_environment_is_where_the_variables_say(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert private_environment() == home / "home" / "caffe"
    monkeypatch.delenv("NETSURGERY_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert private_environment() == Path("/data/netsurgery/caffe")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/me")
    assert private_environment() == Path("/me/.local/share/netsurgery/caffe")


def test_install_uses_the_newest_python_that_can(home: Path) -> None:
    add_python(home, "path/python3.8", "3.8")
    add_python(home, "path/python3.9", "")  # a shim of pyenv for what is not installed
    newest = add_python(home, "pyenv/versions/3.9.18/bin/python", "3.9")
    said: List[str] = []
    assert install_caffe(tell=said.append) == private_python()
    assert is_installed()
    assert said[0] == f"making {private_environment()} with {newest}"
    assert "kendryte-caffe" in said[1]
    assert leftovers(home) == ["caffe"]


def test_install_with_the_python_that_is_named(home: Path) -> None:
    add_python(home, "path/python3.9", "3.9")
    named = add_python(home, "elsewhere/python", "3.6")
    said: List[str] = []
    install_caffe(str(named), tell=said.append)
    assert str(named) in said[0]


def test_install_falls_back_to_uv(home: Path) -> None:
    inside = add_python(home, "elsewhere/python", "3.9")
    uv = home / "path" / "uv"
    uv.write_text(FAKE_UV.format(python=inside))
    uv.chmod(0o755)
    install_caffe()
    assert is_installed()


def test_nothing_found_lists_what_was_looked_at(home: Path) -> None:
    shim = add_python(home, "path/python3.7", "")
    with pytest.raises(EngineError) as error:
        install_caffe()
    assert f"{shim} (cannot make environments), uv on PATH (not there)" in str(error.value)
    assert "install one of them, or uv" in str(error.value)
    assert leftovers(home) == []


@pytest.mark.parametrize("version", ["3.11", ""])
def test_a_named_python_that_will_not_do_is_refused(home: Path, version: str) -> None:
    add_python(home, "path/python3.9", "3.9")
    named = add_python(home, "elsewhere/python", version)
    with pytest.raises(EngineError, match=f"{named} "):
        install_caffe(str(named))
    with pytest.raises(EngineError, match=r"nowhere \(cannot make environments"):
        install_caffe(str(home / "nowhere"))


@pytest.mark.parametrize("step", ["venv", "pip", "import"])
def test_a_step_that_fails_leaves_nothing(home: Path, step: str) -> None:
    add_python(home, "path/python3.9", "3.9")
    (home / "failures" / step).touch()
    with pytest.raises(EngineError, match=f"failed: no {step} today"):
        install_caffe()
    assert leftovers(home) == []


def test_a_failure_keeps_what_was_there_and_a_success_replaces_it(home: Path) -> None:
    add_python(home, "path/python3.9", "3.9")
    install_caffe()
    mark = private_environment() / "mark"
    mark.touch()
    (home / "failures" / "pip").touch()
    with pytest.raises(EngineError):
        install_caffe()
    assert mark.exists()
    (home / "failures" / "pip").unlink()
    install_caffe()
    assert is_installed()
    assert not mark.exists()
    assert leftovers(home) == ["caffe"]
