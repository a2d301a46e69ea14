"""Real Caffe that opens trainings in hundredths of a second: one child process, one by one."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from netsurgery.engine import TrainingFiles
from netsurgery.engine.caffe import Caffe
from netsurgery.engine.caffe_training import CaffeTrainingSession
from netsurgery.engine.process import WORKERS, Worker
from netsurgery.linalg import blas_variables


class _Kept(Worker):
    """A child process that sessions cannot end, but for what they break."""

    def close(self) -> None:
        pass


class OneChildCaffe(Caffe):
    """Real Caffe whose trainings follow each other in one process: importing it takes longest."""

    _child: Optional[Worker] = None

    def open_training(
        self,
        files: TrainingFiles,
        *,
        losses: Mapping[str, float],
        watched: Sequence[str] = (),
        seed: int = 0,
    ) -> CaffeTrainingSession:
        if self._child is None or self._child._end:
            environment = {"GLOG_logtostderr": "1", **blas_variables(1)}
            script = WORKERS / "caffe_trainer.py"
            self._child = _Kept(self._where(), script, environment)
        return CaffeTrainingSession(self._child, files, losses, watched, seed)

    def end(self) -> None:
        if self._child is not None:
            self._child.kill()
