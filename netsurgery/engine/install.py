"""Make a private environment that has real Caffe, with a Python old enough for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Iterator, List, NamedTuple, Optional

from netsurgery.cleanup import run_process
from netsurgery.errors import EngineError
from netsurgery.formats import scratch_folder

# The one prebuilt Caffe. It was compiled against numpy 1, and its caffe_pb2 needs protobuf 3.
REQUIREMENTS = ["kendryte-caffe", "protobuf<=3.20.3", "numpy<2"]
VERSIONS = ["3.9", "3.8", "3.7", "3.6"]

# Debian's Python comes without ensurepip; pyenv's shims stand for what is not installed.
_QUESTION = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"


def private_environment() -> Path:
    """Return the folder of netsurgery's own Caffe, whether it is there or not.

    It is ``caffe`` in $NETSURGERY_HOME, by default ``netsurgery`` in $XDG_DATA_HOME, by default
    ``~/.local/share``.
    """
    home = os.environ.get("NETSURGERY_HOME")
    if not home:
        data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
        home = os.path.join(data, "netsurgery")
    return Path(home) / "caffe"


def private_python() -> Path:
    """Return the interpreter of :func:`private_environment`."""
    return _python_of(private_environment())


def _nobody(line: str) -> None:
    """Tell nobody."""


def install_caffe(python: Optional[str] = None, tell: Callable[[str], object] = _nobody) -> Path:
    """Install real Caffe into :func:`private_environment`, in place of one that is there.

    Args:
        python: A Python 3.6 to 3.9; none: the newest found on PATH, in pyenv, or through uv.
        tell: Called with what is going on, a line at a time.

    Returns:
        The interpreter that has Caffe.

    Raises:
        EngineError: No such Python was found, or a step failed; nothing is left behind then.
    """
    target = private_environment()
    maker = _choose(python)
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(target.parent) as folder:
        made = Path(folder) / "caffe"
        tell(f"making {target} with {maker.what}")
        _run([*maker.command, str(made)])
        tell(f"installing {' '.join(REQUIREMENTS)}")
        inside = str(_python_of(made))
        _run([inside, "-m", "pip", "install", "--disable-pip-version-check", *REQUIREMENTS])
        tell("importing caffe")
        _run([inside, "-c", "import caffe; caffe.Net"])
        if target.exists():
            target.rename(Path(folder) / "old")
        # A virtual environment may be moved as long as its Python is called by path.
        made.rename(target)
    tell(f"Caffe is ready in {target}")
    return private_python()


class _Maker(NamedTuple):
    what: str
    command: List[str]


def _choose(python: Optional[str]) -> _Maker:
    looked: List[str] = []
    for candidate in [python] if python else _pythons():
        version = _version_of(candidate)
        looked.append(f"{candidate} ({version or 'cannot make environments'})")
        if version in VERSIONS:
            return _Maker(candidate, [candidate, "-m", "venv"])
    uv = shutil.which("uv")
    if uv and not python:
        command = [uv, "venv", "--quiet", "--seed", "--python", VERSIONS[0]]
        return _Maker(f"the Python {VERSIONS[0]} of uv", command)
    if not python:
        looked += ["uv on PATH (not there)"]
    raise EngineError(
        f"found no Python 3.6 to 3.9 to install Caffe with; looked at {', '.join(looked)}",
        remedy="install one of them, or uv, or name one",
    )


def _pythons() -> Iterator[str]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser()
    for version in VERSIONS:
        found = shutil.which(f"python{version}")
        if found:
            yield found
        yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python")))


def _version_of(python: str) -> str:
    try:
        answer = run_process([python, "-c", _QUESTION])
    except OSError:
        return ""
    return answer.stdout.strip()


def _run(command: List[str]) -> None:
    try:
        result = run_process(command, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise EngineError(f"cannot run {command[0]}: {error.strerror}") from None
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip().splitlines() or ["without a word"]
        raise EngineError(f"cannot install Caffe: {' '.join(command[:4])} failed: {said[-1]}")


def _python_of(environment: Path) -> Path:
    return environment / ("Scripts" if os.name == "nt" else "bin") / "python"
