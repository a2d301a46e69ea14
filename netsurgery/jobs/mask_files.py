"""The file of masks beside a pair: which single weights pruning holds at zero."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Mapping, Optional, Tuple

from netsurgery.errors import FormatError, NetworkError, Remedy
from netsurgery.formats import Weights, move_together, read_masks, write_masks
from netsurgery.jobs.names import PathLike
from netsurgery.network import (
    Masks,
    Model,
    masks_of,
    prunable,
    require_zero_under,
    with_masks,
    zeros_of,
)

ZEROS, NONE = "zeros", "none"
"""Words in the place of a file of masks: what is zero stays zero; nothing is held."""
_ENDINGS = (".h5", ".caffemodel")
_AWAY = "take the file away, or put that of these weights in its place"


def masks_file(weights: Path) -> Path:
    """Return how the file of masks beside weights is called."""
    name = weights.name
    for ending in _ENDINGS:
        name = name[: -len(ending)] if name.endswith(ending) else name
    return weights.with_name(f"{name}.masks.npz")


def masks_beside(weights: Optional[Weights]) -> Optional[Path]:
    """Return the file of masks that lies beside weights, if there is one."""
    file = None if weights is None else weights.file
    path = None if file is None else masks_file(Path(file))
    return path if path is not None and path.is_file() else None


def held_masks(model: Model, given: Optional[PathLike]) -> Tuple[Masks, str]:
    """Return the masks that a request names, and where they are from, in words.

    Args:
        model: The net.
        given: A file, ``"zeros"`` or ``"none"``; None: the file beside the weights, or what the
            model carries.

    Raises:
        FormatError: It is no file of masks.
        NetworkError: They do not fit the weights, or close some that are not zero: training would
            begin with another net than the one that is given.
    """
    if given is not None and str(given) == NONE:
        return {}, ""
    if given is not None and str(given) == ZEROS:
        return zeros_of(model, prunable(model)), "the zeros of its weights"
    path = masks_beside(model.weights) if given is None else Path(given)
    if path is not None:
        remedy = Remedy("give the masks of these weights, or {} as none", "masks")
        return _read_fitting(model, path, remedy), str(path)
    carried = masks_of(model)
    require_zero_under(model, carried)
    return carried, "the model" if carried else ""


def masked_by_file(model: Model) -> Model:
    """Return a model with the masks beside its weights: surgery carries them along, or refuses.

    Raises:
        FormatError: The file is none of masks.
        NetworkError: The masks do not fit the weights, or close some that are not zero.
    """
    path = masks_beside(model.weights)
    if path is None:
        return model
    return with_masks(model, _read_fitting(model, path, _AWAY))


def _read_fitting(model: Model, path: Path, remedy: str) -> Masks:
    """The masks of a file, which fit a model and close nothing but zeros."""
    masks = read_masks(path)
    try:
        require_zero_under(model, masks)
    except NetworkError as error:
        raise NetworkError(error.problem, file=path, layer=error.layer, remedy=remedy) from None
    return masks


def carried_masks(given: Optional[Weights], made: Weights, weights: Path) -> Optional[bytes]:
    """Return the masks beside weights as the same numbers in another file need them.

    Args:
        given: The weights; None: no file has any.
        made: The same numbers, under shapes of another format.
        weights: The file that these go to.

    Returns:
        The contents of the file of masks beside them; None where there is none to carry.

    Raises:
        NetworkError: Masks do not fit the weights.
        FormatError: The file of masks cannot be read, or would have to become another one.
    """
    file, target = masks_beside(given), masks_file(weights)
    if file is None:
        return None
    found = {}
    for (name, index), mask in read_masks(file).items():
        blobs = made.blobs(name)
        if index >= len(blobs) or blobs[index].count != mask.size:
            problem = f"its mask of blob {index} does not fit these weights"
            raise NetworkError(problem, file=file, layer=name, remedy=_AWAY)
        found[name, index] = mask.reshape(blobs[index].shape)
    data = write_masks(found)
    if target.exists() and target.samefile(file) and data != file.read_bytes():
        raise FormatError(
            "these masks are of the original's shapes, and would be overwritten by those of others",
            file=target,
            remedy="choose another name for the new weights",
        )
    return data


def masks_to_write(masks: Masks, weights: Path) -> Dict[str, bytes]:
    """Return the file of masks that belongs beside weights, by its name; nothing without masks."""
    return {masks_file(weights).name: write_masks(masks)} if masks else {}


def move_pair(staged: Mapping[Path, Path], weights: Path) -> None:
    """Give the finished files of a pair their places, all or none.

    Masks of an earlier pair, which the new one has not, go: they would be taken for its own.

    Args:
        staged: For each path the file that is to take it.
        weights: Which of the paths is that of the weights.

    Raises:
        FormatError: A file cannot be moved. Everything is as it was before.
    """
    move_together(staged)
    earlier = masks_file(weights)
    if earlier not in staged:
        earlier.unlink(missing_ok=True)
