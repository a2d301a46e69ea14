"""What the requests of several jobs have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional

from netsurgery.costs import Budget
from netsurgery.engine import EngineLike
from netsurgery.jobs.job_request import JobRequest
from netsurgery.jobs.names import PathLike
from netsurgery.jobs.samples import InputsLike, PreprocessingLike
from netsurgery.measurements import default_folder


@dataclass(frozen=True)
class RunRequest(JobRequest):
    """How models are run.

    Attributes:
        engine: An engine or its name; the first that can if None.
        seed: For what is random.
        task_output: The output that labels are for, where several hold classes.
        preprocessing: How images are prepared, of all inputs that are read from files; also the
            name or the file of a preset, see `netsurgery.calibration.find_preset`.
    """

    engine: EngineLike = None
    seed: int = 0
    task_output: Optional[str] = None
    preprocessing: Optional[PreprocessingLike] = None


@dataclass(frozen=True)
class FedRequest(RunRequest):
    """What models are run on.

    Attributes:
        inputs: Samples, or the files they are in: arrays, images, databases, or a train prototxt,
            of which what its data layer for TEST reads; random ones if None.
        labels: A text file with the class of each input.
        count: How many random inputs; if None, `RANDOM`, or for a net that computes
            more than `MANY_MACS` a sample, `FEW`.
    """

    inputs: Optional[InputsLike] = None
    labels: Optional[PathLike] = None
    count: Optional[int] = None


@dataclass(frozen=True)
class JudgedRequest(FedRequest):
    """What the outputs of a net are held to.

    Attributes:
        max_error: Largest relative error of an output that passes; stands in for the limits of
            errors and PSNR in the table of limits.
        min_agreement: Smallest share of inputs that keep their top-1 class (or detections); with
            labels, one minus the accuracy that may be lost. Stands in for the table's limits of
            agreement, accuracy and matched detections.
        output_kinds: What outputs are, by blob, where the net does not tell; see `KINDS`.
        accept_loss: An output may be lost by the table; it is said all the same.
    """

    max_error: Optional[float] = None
    min_agreement: Optional[float] = None
    output_kinds: Mapping[str, str] = field(default_factory=dict)
    accept_loss: bool = False


@dataclass(frozen=True)
class CalibratedRequest(RunRequest):
    """What layers are fitted to.

    Attributes:
        calibrate: Samples like those the net was trained on, or the files they are in, or a train
            prototxt, of which what its data layer for TRAIN reads.
        samples: Use so many of them, spread evenly; all if None.
        cache: The folder that keeps what they tell of a model for other runs; None keeps nothing.
    """

    calibrate: Optional[InputsLike] = None
    samples: Optional[int] = None
    cache: Optional[PathLike] = field(default_factory=default_folder)


@dataclass(frozen=True)
class BudgetedRequest(CalibratedRequest):
    """What may be left of a net, or lost.

    Attributes:
        budget: What may be left of it.
        max_loss: The most that may be lost: the smallest net that loses no more is looked for. A
            share: of accuracy where there are labels, else of agreement, matched detections and
            the like, see `netsurgery.quality.loss_of`; measured on the inputs to judge by, or on
            all of those to fit to. A budget beside it is a cap: its first cost is made smaller,
            MACs where there is none.
        quick: With inputs, a plan in a fraction of the time, in which nothing is tried and which
            is not carried out to measure it. It says so.
    """

    budget: Optional[Budget] = None
    max_loss: Optional[float] = None
    quick: bool = False

    @property
    def searched(self) -> Optional[Budget]:
        """What a planner keeps to: the budget, or where only the loss is limited, all the MACs."""
        if self.budget is None and self.max_loss is not None:
            return Budget(macs=1.0)
        return self.budget
