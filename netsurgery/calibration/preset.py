"""How images are prepared, as one named thing: a preset of this package, or a file of one's own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple, Union

from netsurgery.calibration.preprocessing import Preprocessing
from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats import read_yaml

_FOLDER = Path(__file__).with_name("presets")
_WORDS = ("description", "source")
_MEANS = ("mean", "mean_file")
_NUMBERS = ("raw_scale", "input_scale")
_LISTS = ("mean", "channel_swap", "images_dim")
SETTINGS = (*_NUMBERS, *_LISTS, "mean_file")
"""What a preset may say: fields of `Preprocessing`."""
ALIASES = {
    "alexnet": "caffenet",
    "reference": "caffenet",
    "lenet": "mnist",
    "densenet": "mobilenet",
}
"""Other names of presets."""


@dataclass(frozen=True)
class Preset:
    """How the images of a family of nets are prepared.

    Attributes:
        name: What it is called, or its file.
        settings: Fields of `Preprocessing`; what is not there is as it is by default.
        description: For which nets it is, in a line.
        source: Where the numbers are from.
    """

    name: str
    settings: Mapping[str, Any]
    description: str = ""
    source: str = ""


@lru_cache(maxsize=1)
def known_presets() -> Dict[str, Preset]:
    """Return the presets of this package by name, in the order of names."""
    names = sorted(path.stem for path in _FOLDER.glob("*.yaml"))
    return {name: _read(_FOLDER / f"{name}.yaml", name) for name in names}


def find_preset(name: Union[str, os.PathLike]) -> Preset:
    """Return a preset by its name, or read it from a YAML file.

    Args:
        name: A known name, or a path. A name with a folder or a suffix is a path.

    Raises:
        NetsurgeryError: There is none of that name.
        FormatError: The file is no preset.
    """
    told = os.fspath(name)
    known = known_presets().get(ALIASES.get(told, told))
    if known is not None:
        return known
    if Path(told).is_file():
        return _read(Path(told), told)
    if Path(told).suffix or os.sep in told:
        raise FormatError("there is no such file with a preset", file=told)
    raise NetsurgeryError(
        f"there is no preset {told!r}",
        remedy=f"choose among {', '.join([*known_presets(), *ALIASES])}, or give a file",
    )


def prepared(preset: Optional[Union[str, os.PathLike]], **single: Any) -> Optional[Preprocessing]:
    """Return how images are prepared, by a preset and by single settings that go before it.

    Args:
        preset: A preset's name or file, or None.
        single: Fields of `Preprocessing`; None says nothing.

    Returns:
        None where nothing is said.

    Raises:
        NetsurgeryError: There is no such preset, or settings contradict each other.
    """
    own = {name: value for name, value in single.items() if value is not None}
    if preset is None:
        return Preprocessing(**own) if own else None
    found = find_preset(preset)
    settings = {name: value for name, value in found.settings.items() if name not in own}
    if any(name in own for name in _MEANS):
        settings = {name: value for name, value in settings.items() if name not in _MEANS}
    return Preprocessing(**settings, **own, preset=found.name, overrides=tuple(sorted(own)))


def _read(path: Path, name: str) -> Preset:
    try:
        data = read_yaml(path.read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"cannot read the preset: {error}", file=path) from None
    if not isinstance(data, dict) or not data:
        raise FormatError("is no preset: it says nothing of how images are prepared", file=path)
    settings: Dict[str, Any] = {
        str(key): _checked(key, value, path) for key, value in data.items() if key not in _WORDS
    }
    if "mean_file" in settings:
        settings["mean_file"] = str(path.parent / settings["mean_file"])
    description, source = (str(data.get(word) or "") for word in _WORDS)
    found = Preset(name, settings, description, source)
    try:
        Preprocessing(**settings)
    except NetsurgeryError as error:
        raise FormatError(error.problem, file=path) from None
    return found


def _checked(key: Any, value: Any, file: Path) -> Union[float, str, Tuple[float, ...]]:
    numbers = value if isinstance(value, list) else [value]
    fine = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in numbers)
    if key in _NUMBERS and fine and not isinstance(value, list):
        return float(value)
    if key in _LISTS and fine and numbers:
        whole = key != "mean"
        return tuple(int(one) if whole else float(one) for one in numbers)
    if key == "mean_file" and isinstance(value, str):
        return value
    if key not in SETTINGS:
        problem = f"a preset has no {key!r}"
    else:
        problem = f"{key}: {value!r} is no setting"
    known = ", ".join((*_WORDS, *SETTINGS))
    raise FormatError(problem, file=file, remedy=f"it may say {known}")
