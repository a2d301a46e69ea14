"""Another revision of this checkout, unpacked beside it and run by this checkout's Python."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Dict, NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Tree(NamedTuple):
    """A folder that holds a ``netsurgery`` package, and what to call it.

    Both trees run in the same interpreter, with the same libraries: whatever differs between what
    they write or how long they take is then of the code alone.
    """

    name: str
    source: Path

    def environment(self, **more: str) -> Dict[str, str]:
        """The variables of this process, changed so that a child imports this tree's package."""
        return {**os.environ, "PYTHONPATH": str(self.source), **more}

    def require_its_own_package(self, python: str = sys.executable) -> None:
        """Raise RuntimeError where a child would import another tree's package."""
        program = "import netsurgery; print(netsurgery.__file__)"
        answer = subprocess.run(
            [python, "-c", program],
            cwd=os.path.sep,
            env=self.environment(),
            capture_output=True,
            text=True,
        )
        found = answer.stdout.strip()
        if not found or self.source.resolve() not in Path(found).resolve().parents:
            said = answer.stderr.strip().splitlines()
            raise RuntimeError(f"{self.name} does not import from {self.source}: {said or found}")


def this_tree() -> Tree:
    """The checkout as it stands, with what is not committed."""
    return Tree("this tree", ROOT)


def unpack(revision: str, cache: Path) -> Tree:
    """Return the tree of a revision, unpacked into ``cache`` unless it is there already.

    Args:
        revision: What git takes for a commit: a hash, a branch, a tag.
        cache: A folder; each commit has one of its own in it.

    Raises:
        RuntimeError: if git knows no such commit.
    """
    commit = git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    if not commit:
        raise RuntimeError(f"git knows no commit {revision!r} in {ROOT}")
    source = cache / commit / "source"
    if not source.is_dir():
        source.parent.mkdir(parents=True, exist_ok=True)
        # Unpacked aside and moved: two runs at once cannot see half a tree.
        aside = Path(tempfile.mkdtemp(dir=source.parent))
        with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as archive:
            archive.extractall(aside)
        try:
            aside.rename(source)
        except OSError:
            shutil.rmtree(aside)
    return Tree(commit[:7], source)


def git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(ROOT), *words], stdout=subprocess.PIPE).stdout
