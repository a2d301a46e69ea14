"""Run Caffe models and return blobs, each model in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.engine.base import (
        CPU as CPU,
        Engine as Engine,
        Obstacle as Obstacle,
        Probe as Probe,
    )
    from netsurgery.engine.batch_norm_trial import (
        why_no_batch_statistics as why_no_batch_statistics,
    )
    from netsurgery.engine.capabilities import (
        SESSION_METHODS as SESSION_METHODS,
        Capability as Capability,
    )
    from netsurgery.engine.choosing import (
        CandidateJudge as CandidateJudge,
        EngineLike as EngineLike,
        choose as choose,
        choose_judges as choose_judges,
        how_to_get_an_engine as how_to_get_an_engine,
        options_of as options_of,
        requested_engine as requested_engine,
        usable_engines as usable_engines,
    )
    from netsurgery.engine.closing import (
        Closing as Closing,
    )
    from netsurgery.engine.install import (
        install_caffe as install_caffe,
    )
    from netsurgery.engine.registry import (
        engine as engine,
        engines as engines,
        register_engine as register_engine,
    )
    from netsurgery.engine.session import (
        Session as Session,
        WorkerSession as WorkerSession,
    )
    from netsurgery.engine.training_session import (
        Batch as Batch,
        MaskMode as MaskMode,
        StepLosses as StepLosses,
        TrainingFiles as TrainingFiles,
        TrainingSession as TrainingSession,
    )
    from netsurgery.engine.workers.channel import (
        gathered as gathered,
    )

__getattr__, __dir__, __all__ = face(__name__)
