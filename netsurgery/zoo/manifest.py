"""Manifests: the models of a batch as YAML that people write, with what is asked of each."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from netsurgery.calibration import Preprocessing, find_preset, known_presets, prepared
from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats import MarkedData, read_marked_yaml, told
from netsurgery.zoo.contents import look_into
from netsurgery.zoo.discovery import discover, matched, name_of_weights
from netsurgery.zoo.entry import Entry, ModelBatch, SkippedFile, distinct_names, is_name
from netsurgery.zoo.options import PATHS, checked_option, option_names

FILES = ("model", "weights", "folder")
OWN = (
    *("name", *FILES, "preset", "preprocessing", "inputs", "labels"),
    *("input_shapes", "plan", "license", "source"),
)
"""What an item may say besides options of a command."""
_SUFFIXES = (".yaml", ".yml")

Place = Tuple[Union[str, int], ...]


class _Said(NamedTuple):
    """A value of an item or of the defaults, and where it stands."""

    value: Any
    place: Place


class _Wanted(NamedTuple):
    """A model before it has its name."""

    name: str
    is_given: bool
    place: Place
    fields: Mapping[str, Any]


def is_manifest(path: Path) -> bool:
    """Return whether a file is called as manifests are."""
    return path.suffix.lower() in _SUFFIXES


def read_manifest(path: Path) -> ModelBatch:
    """Read a manifest.

    Args:
        path: The file. What it names is seen from its folder.

    Returns:
        Its models in its order. Where an item stands for many, what was found there and left out
        is told.

    Raises:
        FormatError: It cannot be read, or says what it cannot; names the line, and what it may say.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise FormatError(f"cannot read the manifest: {why}", file=path) from None
    return _Reader(path, read_marked_yaml(text, path)).batch()


class _Reader:
    def __init__(self, path: Path, marked: MarkedData) -> None:
        self.path = path
        self.marked = marked
        self.base = path.parent
        self.skipped: List[SkippedFile] = []

    def batch(self) -> ModelBatch:
        data = self.marked.data
        if not isinstance(data, dict) or not isinstance(data.get("models"), list):
            raise self.marked.error(
                ("models",),
                "is no manifest: it has no list of models",
                "write `models:`, and below it `- model: deploy.prototxt` for each",
            )
        for key in data:
            if key not in ("defaults", "models"):
                raise self.marked.error(
                    (key,), f"a manifest has no {key!r}", "it may say defaults and models"
                )
        defaults = self._said(data.get("defaults") or {}, ("defaults",))
        for key in ("name", *FILES):
            if key in defaults:
                raise self.marked.error(
                    ("defaults", key), f"{key!r} is of one model", "say it below models"
                )
        wanted: List[_Wanted] = []
        for number, item in enumerate(data["models"]):
            place: Place = ("models", number)
            own = self._said(item, place)
            said = {**defaults, **own}
            wanted += self._models(said, place)
        return ModelBatch(self.path, self._named(wanted), tuple(self.skipped))

    def _said(self, item: Any, place: Place) -> Dict[str, _Said]:
        if not isinstance(item, dict):
            raise self.marked.error(
                place,
                f"{told(item)} is no mapping",
                "write names and values, as `model: a.prototxt`",
            )
        known = (*OWN, *option_names())
        for key in item:
            if key not in known:
                raise self.marked.error(
                    (*place, key), f"a model has no {key!r}", _closest(key, known)
                )
        return {key: _Said(value, (*place, key)) for key, value in item.items()}

    def _models(self, said: Dict[str, _Said], place: Place) -> List[_Wanted]:
        """Return the models that an item stands for: one, or by globs and folders many."""
        said = {key: one for key, one in said.items() if one.value is not None}
        fields = self._fields(said)
        pairs = self._pairs(said, place)
        given = self._text(said, "name")
        if given is not None and not is_name(given):
            raise self.marked.error(
                said["name"].place,
                f"{given!r} cannot be the name of a model and of its folder",
                "write letters, digits and any of . _ + - with / between folders",
            )
        found = []
        for prototxt, weights in pairs:
            own = name_of_weights(weights, self.base)
            name = own if given is None else given
            if given is not None and len(pairs) > 1:
                name = f"{given}/{own.rsplit('/', 1)[-1]}"
            is_given = given is not None and len(pairs) == 1
            files = {"prototxt": prototxt, "weights": weights}
            found.append(_Wanted(name, is_given, place, {**fields, **files}))
        return found

    def _named(self, wanted: Sequence[_Wanted]) -> Tuple[Entry, ...]:
        names = distinct_names([one.name for one in wanted])
        for one, name in zip(wanted, names):
            if one.is_given and name != one.name:
                problem = f"the name {one.name!r} is taken, or is the folder of another model"
                raise self.marked.error((*one.place, "name"), problem, "give another")
        return tuple(Entry(name, **one.fields) for one, name in zip(wanted, names))

    def _pairs(self, said: Dict[str, _Said], place: Place) -> List[Tuple[Path, Path]]:
        folder, model, weights = (self._text(said, key) for key in ("folder", "model", "weights"))
        if folder is not None:
            if model is not None or weights is not None:
                problem = "names a folder and files"
                raise self.marked.error(place, problem, "say folder, or model and weights")
            path = self.base / folder
            if not path.is_dir():
                raise self.marked.error(said["folder"].place, f"there is no folder {str(path)!r}")
            return self._all(discover(path), said["folder"].place)
        if model is None or weights is None:
            missing = "model" if model is None else "weights"
            raise self.marked.error(
                place, f"names no {missing}", "say model and weights, or a folder with models"
            )
        if not _is_glob(model) and not _is_glob(weights):
            return [(self._file(said, "model"), self._file(said, "weights"))]
        files = [*self._globbed(said, "model"), *self._globbed(said, "weights")]
        return self._all(matched(self.base, map(look_into, files)), place)

    def _all(self, batch: ModelBatch, place: Place) -> List[Tuple[Path, Path]]:
        self.skipped += batch.skipped
        if not batch.entries:
            why = f": {batch.skipped[0].path}: {batch.skipped[0].reason}" if batch.skipped else ""
            raise self.marked.error(place, f"no model was found{why}")
        return [(entry.prototxt, entry.weights) for entry in batch.entries]

    def _globbed(self, said: Dict[str, _Said], key: str) -> List[Path]:
        pattern = str(said[key].value)
        if not _is_glob(pattern):
            return [self._file(said, key)]
        rooted = os.path.join(glob.escape(str(self.base)), pattern)
        found = [Path(one) for one in sorted(glob.glob(rooted, recursive=True))]
        files = [one for one in found if one.is_file()]
        if not files:
            problem = f"no file is called {pattern!r}"
            raise self.marked.error(said[key].place, problem, "see how it is spelt")
        return files

    def _fields(self, said: Dict[str, _Said]) -> Dict[str, Any]:
        paths = self._paths(said, "inputs")
        options = {}
        for key in option_names():
            if key in said and key not in OWN:
                options[key] = self._option(key, said[key])
        found: Dict[str, Any] = {
            "preprocessing": self._preprocessing(said),
            "inputs": tuple(Path(one) for one in paths),
            "labels": self._file(said, "labels") if "labels" in said else None,
            "plan": self._file(said, "plan") if "plan" in said else None,
            "input_shapes": self._shapes(said),
            "license": self._text(said, "license"),
            "source": self._text(said, "source"),
            "options": options,
        }
        return {key: value for key, value in found.items() if value is not None}

    def _option(self, key: str, one: _Said) -> Any:
        if key in PATHS:
            paths = self._paths({key: one}, key)
            return paths if isinstance(one.value, list) else paths[0]
        try:
            return checked_option(key, one.value)
        except NetsurgeryError as error:
            raise self.marked.error(one.place, f"{key}: {error.problem}", error.remedy) from None

    def _paths(self, said: Dict[str, _Said], key: str) -> List[str]:
        if key not in said:
            return []
        value, place = said[key]
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) for name in names):
            raise self.marked.error(place, f"{key}: {told(value)} is no path, and no list of paths")
        found = [self.base / name for name in names]
        for path in found:
            if not path.exists():
                raise self.marked.error(place, f"{key}: there is no {str(path)!r}")
        return [str(path) for path in found]

    def _preprocessing(self, said: Dict[str, _Said]) -> Union[Preprocessing, str, None]:
        settings, preset = {}, self._text(said, "preset")
        place = said["preset"].place if "preset" in said else ()
        if "preprocessing" in said:
            value, place = said["preprocessing"]
            if not isinstance(value, dict):
                raise self.marked.error(place, f"preprocessing: {told(value)} is no mapping")
            settings = dict(value)
            preset = settings.pop("preset", preset)
        if preset is None and not settings:
            return None
        try:
            if preset is not None and str(preset) not in known_presets():
                file = self.base / str(preset)
                preset = str(file) if file.is_file() else preset
            if not settings:
                find_preset(str(preset))
                return str(preset)
            if "mean_file" in settings:
                settings["mean_file"] = str(self.base / str(settings["mean_file"]))
            lists = {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in settings.items()
                if key != "overrides"
            }
            return prepared(preset, **lists)
        except NetsurgeryError as error:
            raise self.marked.error(place, error.problem, error.remedy) from None
        except TypeError:
            unknown = [key for key in settings if key not in Preprocessing.__dataclass_fields__]
            problem = f"preprocessing has no {', '.join(map(repr, unknown))}"
            raise self.marked.error((*place, *unknown[:1]), problem) from None

    def _shapes(self, said: Dict[str, _Said]) -> Dict[str, Tuple[int, ...]]:
        if "input_shapes" not in said:
            return {}
        value, place = said["input_shapes"]
        fine = isinstance(value, dict) and all(
            isinstance(shape, list) and shape and all(_is_size(one) for one in shape)
            for shape in value.values()
        )
        if not fine:
            problem = f"input_shapes: {told(value)} gives no shapes by blob"
            raise self.marked.error(place, problem, "write `{data: [1, 3, 224, 224]}`")
        return {str(name): tuple(shape) for name, shape in value.items()}

    def _text(self, said: Dict[str, _Said], key: str) -> Optional[str]:
        if key not in said:
            return None
        value, place = said[key]
        if not isinstance(value, str) or not value:
            raise self.marked.error(place, f"{key}: {told(value)} is no text", "put it in quotes")
        return value

    def _file(self, said: Dict[str, _Said], key: str) -> Path:
        path = self.base / str(self._text(said, key))
        if not path.is_file():
            problem = f"{key}: there is no file {str(path)!r}"
            raise self.marked.error(said[key].place, problem, "paths are seen from the manifest")
        return path


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_glob(text: Optional[str]) -> bool:
    return text is not None and glob.has_magic(text)


def _closest(key: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(key, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"it may say {', '.join(OWN)}, or any option"
