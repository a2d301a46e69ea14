"""What is asked of a file with samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Optional, Sequence, Tuple

from netsurgery.calibration.preprocessing import Preprocessing
from netsurgery.errors import NetsurgeryError

Shape = Tuple[int, ...]


@dataclass(frozen=True)
class Request:
    """What samples are wanted for.

    Attributes:
        shapes: The declared shape of each input of the net, axis 0 included.
        preprocessing: The classic flags, if any were given.
        phase: ``"TRAIN"`` or ``"TEST"``: which data layers of a prototxt to read.
        uncut: Images are wanted as large as they are before the centre is cut out.
        targets: Names of arrays that are wanted beside the inputs, where they are there.
    """

    shapes: Mapping[str, Shape]
    preprocessing: Optional[Preprocessing] = None
    phase: str = "TEST"
    uncut: bool = False
    targets: Sequence[str] = ()

    def refuse_preprocessing(self, file: Path, reason: str) -> None:
        """See that there are no flags for samples that need none.

        Raises:
            NetsurgeryError: There are.
        """
        if self.preprocessing is not None:
            raise NetsurgeryError(
                f"preprocessing is for images, {reason}",
                file=file,
                remedy="leave the preprocessing flags out",
            )

    def image_input(self, channels: Sequence[int], remedy: str) -> Tuple[str, Tuple[int, int, int]]:
        """Return the name of the net's only input, and its channels, height and width.

        Args:
            channels: How many channels it may have; any number if empty.
            remedy: What to do if it is not so.

        Raises:
            NetsurgeryError: The net has another kind of inputs.
        """
        shape = next(iter(self.shapes.values())) if len(self.shapes) == 1 else ()
        if len(shape) != 4 or (channels and shape[1] not in channels):
            wanted = f"{' or '.join(map(str, channels))} channels" if channels else "images"
            inputs = ", ".join(f"{name!r} {shape}" for name, shape in self.shapes.items())
            raise NetsurgeryError(
                f"images need a net with one input of {wanted}, not {inputs or 'none'}",
                remedy=remedy,
            )
        return next(iter(self.shapes)), (shape[1], shape[2], shape[3])
