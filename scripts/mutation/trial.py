"""Put faults into copies of the checkout, and see whether its tests notice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence

from revisions import ROOT, Tree

from mutation.operators import Mutant
from mutation.recording import OUTPUT

# A fault may make a loop endless: so many times what its tests took, and pytest to start.
PATIENCE, START = 4, 60.0
QUIET = ["-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", "--tb=no", "-n0"]


class BrokenTestsError(Exception):
    """Tests cannot be run even without a fault."""


class Reached(NamedTuple):
    """Which tests run which lines.

    Attributes:
        lines: For each module, below ``netsurgery``, and line: tests, or files whose fixtures do.
        seconds: How long each test took.
        failed: Tests that fail without any fault, so that their failing says nothing.
    """

    lines: Dict[str, Dict[str, List[str]]]
    seconds: Dict[str, float]
    failed: Sequence[str] = ()

    def tests_of(self, mutant: Mutant) -> List[str]:
        """The tests that run a fault, the quickest first."""
        lines = self.lines.get(mutant.module, {})
        site = mutant.site
        if site.outside:  # a constant: whatever runs anything of the module may use it
            found = set().union(*lines.values())
        else:
            found = set().union(
                *(lines.get(str(number), []) for number in range(site.first, site.last + 1))
            )
        sound = self.seconds.keys() - set(self.failed)
        tests = {test for test in sound if test in found or test.split("::")[0] in found}
        return sorted(tests, key=self.seconds.__getitem__)


class Workplace:
    """A copy of the checkout in which one fault at a time is tried."""

    def __init__(self, folder: Path) -> None:
        """Copy what git knows or would add, and lead to the models beside the checkout."""
        self.tree = Tree("the copy", folder / "checkout")
        listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(
            ["git", "-C", str(ROOT), *listed], stdout=subprocess.PIPE, check=True, text=True
        ).stdout
        for name in filter(None, names.split("\0")):
            if (ROOT / name).is_file():
                (self.tree.source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.tree.source / name)
        if (ROOT.parent / "shared").is_dir():
            (folder / "shared").symlink_to(ROOT.parent / "shared")
        self.tree.require_its_own_package()

    def record(self, tests: Sequence[str]) -> Reached:
        """Run tests without a fault, and see what they run.

        Raises:
            BrokenTestsError: They could not be run.
        """
        output = self.tree.source.parent / "reached.json"
        words = [*QUIET, "-p", "mutation.recording", *tests]
        done = self._pytest(words, **{OUTPUT: str(output)})
        if done is None or done.returncode not in (0, 1) or not output.is_file():
            raise BrokenTestsError(done.stdout.decode()[-2000:] if done else "")
        return Reached(**json.loads(output.read_text()))

    def notices(self, mutant: Mutant, reached: Reached) -> Optional[bool]:
        """Whether a test fails with a fault, or never ends; None if no test runs it."""
        tests = reached.tests_of(mutant)
        if not tests:
            return None
        file = self.tree.source / "netsurgery" / mutant.module
        whole = file.read_text(encoding="utf-8")
        asked = self.tree.source.parent / "tests.txt"
        asked.write_text("\n".join(tests))
        try:
            file.write_text(mutant.source, encoding="utf-8")
            patience = START + PATIENCE * sum(reached.seconds[test] for test in tests)
            done = self._pytest([*QUIET, "-x", f"@{asked}"], patience)
        finally:
            file.write_text(whole, encoding="utf-8")
        return done is None or done.returncode != 0

    def _pytest(
        self, words: Sequence[str], patience: Optional[float] = None, **more: str
    ) -> Optional[subprocess.CompletedProcess]:
        """Run pytest in the copy; None if it took too long."""
        environment = self.tree.environment(
            OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1", **more
        )
        environment["PYTHONPATH"] += os.pathsep + str(ROOT / "scripts")
        try:
            return subprocess.run(
                [sys.executable, "-m", "pytest", *words],
                cwd=self.tree.source,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=patience,
            )
        except subprocess.TimeoutExpired:
            return None


def digest_of(tree: Path, names: Iterable[str]) -> str:
    """A name for what all Python files say that are named, or lie in folders that are."""
    digest = hashlib.sha256(sys.version.encode())
    for name in names:
        place = tree / name
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            digest.update(str(file.relative_to(tree)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
