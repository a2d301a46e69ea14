"""How a net is tuned, as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Tuple

from netsurgery.engine import EngineLike
from netsurgery.formats import Prototxt, SolverText
from netsurgery.training.augmentation import Augmentation
from netsurgery.training.objectives import TEMPERATURE

PATIENCE = 6
"""Validations without a gain after which a run stops, where nobody says otherwise."""


@dataclass(frozen=True)
class TuningSettings:
    """How a net is tuned.

    Attributes:
        steps: Iterations of the solver; see `run_length` if None.
        batch: Inputs of a batch; if None that of the train prototxt, else `BATCH`, or for large
            pictures `SMALL_BATCH`.
        rate: The learning rate at the start; if None a tenth of the solver's, or what a trial says.
        solver: The solver that the net was trained by.
        train_val: The text that it was trained by, whose losses are used.
        temperature: Of the classes that a teacher answers.
        hints: Blobs on the way that should be the teacher's.
        augmentation: What is done to inputs.
        views: Of each input that a teacher answers.
        hold_out: The share of the inputs that is kept aside.
        reported_elsewhere: Other inputs report on what was gained.
        validate_every: Iterations from one validation to the next; a twentieth of all if None.
        patience: Validations without a gain after which the run stops; None for never.
        batchnorm: What becomes of statistics: ``"frozen"`` or ``"update"``.
        frozen: Layers that stay as they are.
        task_output: The output that labels are for.
        output_kinds: What outputs are, by blob, where the net does not tell.
        keep_best: Whether the best net comes back, or the last.
        seed: Of all that is drawn.
        engine: Steps the solver; the first that can if None.
    """

    steps: Optional[int] = None
    batch: Optional[int] = None
    rate: Optional[float] = None
    solver: Optional[SolverText] = None
    train_val: Optional[Prototxt] = None
    temperature: float = TEMPERATURE
    hints: Tuple[str, ...] = ()
    augmentation: Augmentation = field(default_factory=Augmentation)
    views: Optional[int] = None
    hold_out: Optional[float] = None
    reported_elsewhere: bool = False
    validate_every: Optional[int] = None
    patience: Optional[int] = PATIENCE
    batchnorm: str = "frozen"
    frozen: Tuple[str, ...] = ()
    task_output: Optional[str] = None
    output_kinds: Tuple[Tuple[str, str], ...] = ()
    keep_best: bool = True
    seed: int = 0
    engine: EngineLike = None

    @property
    def stages(self) -> Tuple[str, ...]:
        """The stages of the training text that the solver asks for."""
        return () if self.solver is None else tuple(self.solver.parameter.train_state.stage)
