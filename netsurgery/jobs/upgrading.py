"""An old net in the form that Caffe writes today."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from netsurgery.formats import convert_weights, upgrade_net, write_whole
from netsurgery.jobs.job_request import JobRequest
from netsurgery.jobs.mask_files import carried_masks, masks_file
from netsurgery.jobs.models import ModelLike, deployed, open_model_like
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.outputs import checked_folder
from netsurgery.network import Model
from netsurgery.planning import refuse_another
from netsurgery.validation import validated


@dataclass(frozen=True)
class UpgradeRequest(JobRequest):
    """How to upgrade a net.

    Attributes:
        keep_unknown: Keep fields of a fork that stock Caffe does not know, and would refuse.
        deploy: Leave out the layers that Caffe does not build for TEST.
        force: Overwrite what is in the folder even if it was made of other files.
    """

    keep_unknown: bool = False
    deploy: bool = False
    force: bool = False


@dataclass(frozen=True)
class UpgradedFiles:
    """What was written.

    Attributes:
        files: The new prototxt, the weights and the masks beside them if there were some.
        notes: What did not come along, or stock Caffe will refuse, a line each.
    """

    files: Tuple[Path, ...]
    notes: Tuple[str, ...]

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data."""
        return {"files": [str(path) for path in self.files], "notes": list(self.notes)}


@validated
def upgrade(
    model: ModelLike, out: PathLike, request: Optional[UpgradeRequest] = None
) -> UpgradedFiles:
    """Do to a net what Caffe does to an old one whenever it loads it, and write it down.

    V0 and V1 layers become V2, net-level inputs an Input layer. Comments stay. What stock Caffe
    does not know is left out, and told.

    Args:
        model: The network, with or without weights, or its files.
        out: The folder for the new files, which have the names of the old ones.
        request: How to upgrade it.

    Raises:
        FormatError: A file is not what it should be, cannot be written, or would overwrite one of
            another net.
        NetworkError: Nothing would be left for TEST.
    """
    request = request or UpgradeRequest()
    folder = checked_folder(out)
    model = deployed(open_model_like(model), request.deploy)
    upgraded = upgrade_net(model.prototxt, request.keep_unknown)
    notes: List[str] = [*upgraded.notes]
    weights = model.weights
    if weights is not None and weights.format == "caffemodel" and weights.version != "V2":
        weights = convert_weights(weights, "caffemodel")
        file = model.weights and model.weights.file
        notes.append(
            f"{file}: of each layer only name, type and blobs are kept; Caffe loads no more"
        )
    new = Model(upgraded.prototxt, weights)
    if not request.force:
        refuse_another(folder, model, new)
    places = [folder / name for name in model.file_names()]
    if weights is None:
        return UpgradedFiles(new.save(folder), tuple(notes))
    masks = carried_masks(model.weights, weights, places[1])
    files = new.save(*places)
    if masks is not None:
        write_whole(masks_file(places[1]), masks)
        files = (*files, masks_file(places[1]))
    return UpgradedFiles(files, tuple(notes))
