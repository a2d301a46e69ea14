"""The data layers of a train prototxt: what they name is read as Caffe reads it in phase TEST."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, Union

import numpy as np

from netsurgery.calibration.arrays import fit_arrays, whole_numbers
from netsurgery.calibration.databases import open_database, read_labels_of
from netsurgery.calibration.image_rows import ImageRows, database_rows, file_rows
from netsurgery.calibration.inputs import Inputs
from netsurgery.calibration.request import Request
from netsurgery.calibration.transformation import Transformation
from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats import Hdf5Rows, LayerText, Prototxt, read_mean, read_rows
from netsurgery.layers import DataSource, layer_type
from netsurgery.network import PHASES, State

Rows = Union[ImageRows, Hdf5Rows, np.ndarray]


class DataLayer:
    """A data layer, and where the files that it names are.

    Attributes:
        text: The layer in its prototxt.
        parameter: Its ``LayerParameter``.
    """

    def __init__(self, text: LayerText, uncut: bool = False) -> None:
        self.text, self.parameter, self._uncut = text, text.parameter, uncut
        for path in text.unknown:
            if path.startswith(("transform_param.", "data_param.", "image_data_param.")):
                raise text.error(
                    f"stock Caffe knows no {path}, so what it does to the images is not known",
                    "take it out, or give an .npz of what the net reads",
                )

    def find(self, name: str, what: str = "source") -> Path:
        """Return the file or folder of that name: in the working directory, or by the prototxt.

        Raises:
            FormatError: It is at neither place.
        """
        if not name:
            raise self.text.error(f"names no {what}")
        folders = Path(), Path(self.text.source.file or ".").parent
        for folder in folders:
            if (folder / name).exists():
                return folder / name
        raise self.text.error(
            f"{what} {name!r} is neither in the working directory, where Caffe looks for it, nor "
            "beside the prototxt",
            "run where it is, or change the path in a copy of the prototxt",
        )

    def lines(self, name: str) -> Tuple[Path, List[str]]:
        """Return a text file that the layer names, and its lines without empty ones.

        Raises:
            FormatError: It is not there or not readable.
        """
        file = self.find(name)
        return file, read_lines(file)

    def transformation(self, color: Optional[bool] = None) -> Transformation:
        """Return what ``transform_param`` says: the centre is cut out, nothing is mirrored.

        Raises:
            FormatError: The mean file is not there.
        """
        parameter = self.parameter.transform_param
        mean: Optional[np.ndarray] = None
        if parameter.HasField("mean_file"):
            if parameter.mean_value:
                raise self.text.error("has both mean_file and mean_value", "keep one")
            mean = read_mean(self.find(parameter.mean_file, "mean_file"))
        elif parameter.mean_value:
            mean = np.array(parameter.mean_value, np.float32).reshape(-1, 1, 1)
        crop = (parameter.crop_size, parameter.crop_size) if parameter.crop_size else None
        if color is None and (parameter.force_color or parameter.force_gray):
            color = parameter.force_color
        found = Transformation(parameter.scale, mean, crop, color)
        return found.uncut if self._uncut else found


def _read_data(layer: DataLayer) -> List[Rows]:
    database = open_database(layer.find(layer.parameter.data_param.source))
    rows: List[Rows] = [database_rows(database, layer.transformation())]
    return [*rows, read_labels_of(database)] if len(layer.text.tops) > 1 else rows


def _read_image_data(layer: DataLayer) -> List[Rows]:
    parameter = layer.parameter.image_data_param
    listed, lines = layer.lines(parameter.source)
    names, _, classes = zip(*(line.rstrip().rpartition(" ") for line in lines))
    files = [layer.find(parameter.root_folder + name, "image") for name in names]
    size = (parameter.new_height, parameter.new_width)
    color = parameter.is_color
    rows = file_rows(files, size if all(size) else None, color, layer.transformation(color), listed)
    try:
        return [rows, np.array([int(label) for label in classes])]
    except ValueError as error:
        raise FormatError(f"lines are 'image class': {error}", file=listed) from error


def _read_hdf5_data(layer: DataLayer) -> List[Rows]:
    _, lines = layer.lines(layer.parameter.hdf5_data_param.source)
    files = [layer.find(name, "HDF5 file") for line in lines for name in line.split()]
    return list(read_rows(files, layer.text.tops).values())


READERS: Dict[DataSource, Callable[[DataLayer], List[Rows]]] = {
    DataSource.DATABASE: _read_data,
    DataSource.IMAGES: _read_image_data,
    DataSource.HDF5: _read_hdf5_data,
}
"""What a data layer of each kind makes, top by top."""


def read_data_layers(file: Path, request: Request) -> Inputs:
    """Read what the data layers of a train prototxt feed, those of a phase where it has any.

    Raises:
        FormatError: It has none, or their source cannot be read.
        NetsurgeryError: What they make does not fit the net's inputs.
    """
    request.refuse_preprocessing(file, "a data layer says itself what it does")
    layers, phase = _data_layers(Prototxt.read(file), request.phase)
    tops: Dict[str, Rows] = {}
    for layer in layers:
        tops.update(zip(layer.tops, _read(layer, request.uncut)))
    names = ", ".join(repr(layer.name) for layer in layers)
    try:
        return fit_rows(tops, request, f"{file}, layer {names} ({phase})")
    except NetsurgeryError as error:
        error.file = error.file or str(file)
        raise


def _read(layer: LayerText, uncut: bool) -> List[Rows]:
    source = layer_type(layer.type).data
    assert source is not None, "it is a data layer"
    return READERS[source](DataLayer(layer, uncut))


class DeclaredViews(NamedTuple):
    """What a data layer does to images while a net is trained.

    Attributes:
        mirror: Every other image is mirrored.
        crop: Height and width that are cut out anywhere; None: images are whole.
    """

    mirror: bool = False
    crop: Optional[Tuple[int, int]] = None


def declared_views(file: Path, phase: str = "TRAIN") -> DeclaredViews:
    """Return what the data layers of a train prototxt, those of a phase, do to images.

    Raises:
        FormatError: It has none.
    """
    layers, _ = _data_layers(Prototxt.read(file), phase)
    for layer in layers:
        if layer_type(layer.type).data is not DataSource.HDF5:
            told = layer.parameter.transform_param
            size = told.crop_size
            return DeclaredViews(told.mirror, (size, size) if size else None)
    return DeclaredViews()


def _data_layers(prototxt: Prototxt, phase: str) -> Tuple[List[LayerText], str]:
    """The layers to read, and the phase they belong to: a net of its own may have but one."""
    for wanted in sorted(PHASES, key=phase.__ne__):
        state = State.of(wanted, net=prototxt.state)
        found = [
            layer
            for layer in prototxt.layers
            if layer_type(layer.type).data in READERS and state.includes(layer.parameter)
        ]
        if found:
            return found, wanted
    others = dict.fromkeys(layer.type for layer in prototxt.layers if not layer.bottoms)
    known = ", ".join(source.value for source in READERS)
    found_instead = f", only {', '.join(others)}" if others else ""
    raise FormatError(
        f"has no layer of type {known} to read from{found_instead}",
        file=prototxt.file,
        remedy="give images, an .npz, or the train prototxt",
    )


def fit_rows(tops: Dict[str, Any], request: Request, description: str) -> Inputs:
    """Give rows to the inputs they are named after, and find the labels among the rest.

    The only input takes the first rows, if none bear its name. The labels are the first that
    have one whole number for each sample. What is asked for as a target is one, too.

    Args:
        tops: Rows by name.
        request: What they are for.
        description: Where they come from.

    Raises:
        NetsurgeryError: They do not fit the inputs.
    """
    shapes = request.shapes
    if len(shapes) == 1 and not set(shapes) & set(tops):
        first = next(iter(tops))
        tops = {(next(iter(shapes)) if name == first else name): r for name, r in tops.items()}
    fed = {name: rows for name, rows in tops.items() if name in shapes}
    for name, rows in fed.items():
        whole = request.uncut and rows.shape[1] == shapes[name][1]
        if isinstance(rows, ImageRows) and not whole and rows.shape[1:] != tuple(shapes[name][1:]):
            raise NetsurgeryError(
                f"makes samples of {rows.shape[1:]}, but input {name!r} of the net is "
                f"{tuple(shapes[name])}",
                remedy="set crop_size, or change the shape that the net declares",
            )
    others = {name: rows for name, rows in tops.items() if name not in fed}
    numbers = (whole_numbers(rows) for rows in others.values())
    labels = next((found for found in numbers if found is not None), None)
    targets = {name: others[name] for name in request.targets if name in others}
    return fit_arrays(fed, shapes, labels, description, targets)


def read_lines(file: Path) -> List[str]:
    """Return the lines of a text file, without empty ones.

    Raises:
        FormatError: It is not readable, or has none.
    """
    try:
        lines = [line for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise FormatError(f"cannot be read: {reason}", file=file) from error
    if not lines:
        raise FormatError("lists nothing", file=file)
    return lines
