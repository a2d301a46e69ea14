"""What ships: the wheel and the sdist hold all of the package, and the wheel runs by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from netsurgery.version import __version__

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ["netsurgery", "prototxt_templates", "setup.py", "pyproject.toml", "LICENSE", "README.md"]
BUILD = """
from setuptools import build_meta
build_meta.build_wheel("dist")
build_meta.build_sdist("dist")
"""


class Built(NamedTuple):
    """What a build of this checkout made."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build a copy of the checkout, so that nothing is left behind in it."""
    pytest.importorskip("setuptools", minversion="77")
    copy = tmp_path_factory.mktemp("build")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, copy / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, copy)
    run = subprocess.run([sys.executable, "-c", BUILD], cwd=copy, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    (wheel,), (sdist,) = copy.glob("dist/*.whl"), copy.glob("dist/*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's contents, as an installation has them."""
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(built.wheel).extractall(folder)
    return folder


def files_under(folder: str) -> set[str]:
    """The files of a folder of the checkout, as paths from that folder."""
    paths = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {
        path.relative_to(ROOT / folder).as_posix()
        for path in paths
        if "__pycache__" not in path.parts
    }


def run_installed(installed: Path, program: str) -> str:
    """Run a program that can import the wheel's contents, away from the checkout."""
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=installed.parent,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_wheel_holds_the_package_and_the_templates_and_nothing_else(built: Built) -> None:
    names = {name for name in zipfile.ZipFile(built.wheel).namelist() if ".dist-info/" not in name}
    package = {f"netsurgery/{name}" for name in files_under("netsurgery")}
    templates = {
        f"netsurgery/prototxt_templates/{name}" for name in files_under("prototxt_templates")
    }
    assert "netsurgery/py.typed" in names
    assert templates
    assert names == package | templates


def test_sdist_holds_all_that_a_build_needs(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("netsurgery", "prototxt_templates"):
        assert {f"{folder}/{name}" for name in files_under(folder)} <= names
    assert {"setup.py", "pyproject.toml", "LICENSE", "README.md"} <= names


def test_wheel_brings_the_command(installed: Path) -> None:
    program = """
import sys
from importlib.metadata import distributions
(netsurgery,) = distributions(name="netsurgery", path=sys.path[1:2])
(command,) = [entry for entry in netsurgery.entry_points if entry.group == "console_scripts"]
print(command.name)
sys.argv[1:] = ["--version"]
command.load()()
"""
    name, version = run_installed(installed, program).splitlines()
    assert name == "netsurgery"
    assert version.split()[-1] == __version__


def test_installed_package_finds_its_templates(installed: Path) -> None:
    program = "from netsurgery.formats.prototxt import template; print(*template.template_names())"
    names = sorted(path.stem for path in (ROOT / "prototxt_templates").glob("*.prototxt"))
    assert run_installed(installed, program).split() == names


def test_wheel_brings_the_extras(installed: Path) -> None:
    (metadata,) = installed.glob("*.dist-info/METADATA")
    lines = metadata.read_text(encoding="utf-8").splitlines()
    extras = {line.split()[1] for line in lines if line.startswith("Provides-Extra:")}
    assert extras == {"opencv", "hdf5", "lmdb", "report", "html", "cluster", "all", "dev"}
    core = {
        line.split()[1] for line in lines if line.startswith("Requires-Dist:") and ";" not in line
    }
    assert not {name for name in core if name.startswith(("opencv", "h5py", "matplotlib"))}


def test_the_version_stands_in_one_place() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.toml", "*.py", "docs/*.py", "netsurgery/**/*.py", "scripts/*")
        for path in ROOT.glob(pattern)
        if path.is_file() and f'"{__version__}"' in path.read_text(encoding="utf-8")
    ]
    assert found == ["netsurgery/version.py"]
