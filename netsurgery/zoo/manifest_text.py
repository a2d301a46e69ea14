"""The text of a manifest that a person goes on with."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any, Dict, List, Optional

from netsurgery.calibration import Preprocessing, known_presets
from netsurgery.errors import FormatError, Remedy, visible
from netsurgery.formats import make_folder, write_whole
from netsurgery.zoo.entry import Entry, ModelBatch
from netsurgery.zoo.manifest import is_manifest
from netsurgery.zoo.options import PATHS

_MORE = "  #                          "
_HEAD = """\
# The models of {source}, for `netsurgery zoo run`.
# Change it as you like: models that are taken out here are not touched. Paths are seen from the
# folder of this file.

# What holds for every model that does not say otherwise. Any option of compress and thin can stand
# here or at a model, under its name in the library; ~ takes it back.
defaults:
  # budget: {{macs: 0.5}}    # what may be left: macs, params, bytes (20MB), latency
  # preset: caffenet       # how images are prepared: {presets}
  # inputs: photos         # what is judged by: images, arrays, databases; random numbers without it
  # labels: labels.txt     # the class of each
  # calibrate: photos      # what layers are fitted to

models:
"""


def written(batch: ModelBatch, folder: Path) -> str:
    """Return a batch as the text of a manifest, which `read_manifest` reads as the same models.

    Args:
        batch: The models; what was left out goes into comments.
        folder: The folder that the manifest is for.
    """
    lines = _head(batch)
    for entry in batch.entries:
        lines += [*_item(entry, folder), ""]
    if batch.skipped:
        lines.append("# Left out:")
        for one in batch.skipped:
            lines.append(f"# - {visible(_seen_from(one.path, folder))}: {visible(one.reason)}")
    return "\n".join(lines).rstrip("\n") + "\n"


def write_manifest(batch: ModelBatch, path: Path, force: bool = False) -> Path:
    """Write the manifest of a batch.

    Args:
        batch: The models.
        path: The file.
        force: Overwrite it where it is there: a person may have changed it.

    Raises:
        FormatError: It is there, is called like no manifest, or cannot be written.
    """
    if not is_manifest(path):
        raise FormatError("is no name of a manifest", file=path, remedy="call it something.yaml")
    if path.exists() and not force:
        problem = "is there already, and may hold what somebody wrote"
        raise FormatError(problem, file=path, remedy=Remedy("write another file, or {}", "force"))
    make_folder(path.parent)
    write_whole(path, written(batch, path.parent).encode())
    return path


def _head(batch: ModelBatch) -> List[str]:
    presets = textwrap.wrap(", ".join(known_presets()), 40)
    more = "".join(f"\n{_MORE}{line}" for line in presets[1:])
    text = _HEAD.format(source=visible(batch.source.as_posix()), presets=presets[0] + more)
    return text.splitlines() if batch.entries else [*text.splitlines()[:-1], "models: []", ""]


def _item(entry: Entry, folder: Path) -> List[str]:
    how = entry.preprocessing
    prepared: Dict[str, Any] = {}
    if isinstance(how, Preprocessing):
        settings = how.to_dict()
        settings.pop("overrides", None)
        if "mean_file" in settings:
            settings["mean_file"] = _seen_from(Path(settings["mean_file"]), folder)
        prepared = {"preprocessing": settings}
    elif how is not None:
        known = how in known_presets()
        prepared = {"preset": how if known else _seen_from(Path(how), folder)}
    said: Dict[str, Any] = {
        "name": entry.name,
        "model": _seen_from(entry.prototxt, folder),
        "weights": _seen_from(entry.weights, folder),
        **prepared,
        "inputs": [_seen_from(path, folder) for path in entry.inputs],
        "labels": _optional(entry.labels, folder),
        "input_shapes": {name: list(shape) for name, shape in entry.input_shapes.items()},
        "plan": _optional(entry.plan, folder),
        "license": entry.license,
        "source": entry.source,
        **_options(entry, folder),
    }
    told = {key: value for key, value in said.items() if value not in (None, [], {})}
    lines = [f"{key}: {_yaml(value)}" for key, value in told.items()]
    return [f"{'- ' if not number else '  '}{line}" for number, line in enumerate(lines)]


def _options(entry: Entry, folder: Path) -> Dict[str, Any]:
    def told(name: str, value: Any) -> Any:
        if name not in PATHS:
            return value
        if isinstance(value, (list, tuple)):
            return [_seen_from(Path(one), folder) for one in value]
        return _seen_from(Path(value), folder)

    return {name: told(name, value) for name, value in entry.options.items()}


def _yaml(value: Any) -> str:
    """A value on one line, as YAML has it within brackets."""
    import yaml

    def dump(allow_unicode: bool) -> str:
        text = yaml.safe_dump(
            [value],
            default_flow_style=True,
            allow_unicode=allow_unicode,
            sort_keys=False,
            width=1 << 30,
        )
        return text.strip()[1:-1]

    text = dump(True)
    return text if visible(text) == text else dump(False)


def _optional(path: Optional[Path], folder: Path) -> Optional[str]:
    return None if path is None else _seen_from(path, folder)


def _seen_from(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # on another drive
        return path.absolute().as_posix()
