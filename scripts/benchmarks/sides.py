"""The two builds that are measured beside each other, each in an environment of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from revisions import Tree

SOURCES = ("netsurgery", "prototxt_templates", "pyproject.toml", "setup.py")
"""What a build is made of."""
OF_THE_CALLER = ("PYTHON", "OMP_", "OPENBLAS_", "MKL_", "BLIS_")
"""What variables begin with that would make a build other than its user has it: in another path,
compiled anew at every start, as with ``PYTHONDONTWRITEBYTECODE``, or with a BLAS that was told how
many threads to take, or to use the kernels of an older processor, as with ``OPENBLAS_CORETYPE``."""


class Side(NamedTuple):
    """A build.

    Attributes:
        name: What to call it.
        python: The interpreter of its environment.
        digest: Tells it from every build of other code.
    """

    name: str
    python: Path
    digest: str

    @property
    def program(self) -> Path:
        """Its command line."""
        return self.python.parent / "netsurgery"


def build(tree: Tree) -> Side:
    """Make the environment of a tree by its own scripts, unless it is there, and return the build.

    Raises:
        RuntimeError: It cannot be made, or imports another tree's package.
    """
    script = tree.source / "scripts" / "environment"
    done = subprocess.run(
        [sys.executable, str(script), "develop"], stdout=subprocess.PIPE, text=True
    )
    python = done.stdout.strip()
    if done.returncode or not python:
        raise RuntimeError(f"{tree.name}: {script} makes no environment")
    found = imported_by(python)
    if found is None or tree.source.resolve() not in found.resolve().parents:
        raise RuntimeError(f"{tree.name}: {python} imports {found}, not the tree's own package")
    return Side(tree.name, Path(python), digest_of(tree.source))


def imported_by(python: str) -> Path | None:
    """Return the file of the package that an interpreter imports."""
    program = "import netsurgery; print(netsurgery.__file__)"
    done = subprocess.run(
        [python, "-c", program],
        cwd=os.path.sep,
        env=environment(),
        capture_output=True,
        text=True,
    )
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def environment(**more: str) -> dict[str, str]:
    """The variables of this process without those that would change what a build does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_CALLER)}
    return {**kept, **more}


def digest_of(source: Path) -> str:
    """Return what tells a tree from every other one that is built differently."""
    digest = hashlib.sha256()
    for name in SOURCES:
        top = source / name
        for file in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(f"{file.relative_to(source)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
