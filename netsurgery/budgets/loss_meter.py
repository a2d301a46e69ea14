"""What a plan loses of a net, measured: the plan carried out, and both nets run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Optional, Tuple

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.engine import EngineLike
from netsurgery.errors import PlanError, Remedy
from netsurgery.network import Model
from netsurgery.planning import Plan
from netsurgery.progress import Progress, silent
from netsurgery.quality import OutputLoss, loss_of
from netsurgery.surgery import Surgery, operate
from netsurgery.verification import verify


@dataclass(frozen=True)
class LossMeter:
    """Measures what plans lose, as the proof of a written pair does.

    Attributes:
        model: The original.
        inputs: What both nets are run on; labels of theirs make the loss one of accuracy.
        calibrator: Runs the inputs that layers are fitted to.
        engine: What runs both nets; the first that can if None.
        output: The output that labels are for, where several hold classes.
        output_kinds: What outputs are, by blob, where the net does not tell.
        progress: Told each step.
    """

    model: Model
    inputs: Inputs
    calibrator: Optional[Calibrator] = None
    engine: EngineLike = None
    output: Optional[str] = None
    output_kinds: Mapping[str, str] = field(default_factory=dict)
    progress: Progress = silent

    def measure(self, plan: Plan) -> Tuple[OutputLoss, Surgery]:
        """Return what is lost of the net by a plan, and what carrying it out made.

        Raises:
            PlanError: The inputs say nothing, or the plan cannot be carried out.
            EngineError: There is no engine, or it refuses a model.
        """
        surgery = operate(self.model, plan, self.calibrator, self.progress)
        with self.progress.task("what is lost"):
            effect = verify(
                self.model,
                surgery.model,
                inputs=self.inputs,
                engine=self.engine,
                output=self.output,
                origins=surgery.places(),
                output_kinds=self.output_kinds,
            )
        found = loss_of(effect.quality)
        if found is None:
            why = "; ".join(effect.quality.reasons)
            raise PlanError(
                f"what is lost cannot be measured: {why}",
                remedy=Remedy(
                    "give inputs on which the net says something, with {} or {}",
                    *("inputs", "calibrator"),
                ),
            )
        return found, surgery
