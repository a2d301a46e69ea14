"""Run Caffe models and return blobs, each model in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.engine.base import (
        Engine as Engine,
        Probe as Probe,
        Session as Session,
    )
    from netsurgery.engine.caffe import (
        Caffe as Caffe,
        CaffeSession as CaffeSession,
    )
    from netsurgery.engine.install import (
        install_caffe as install_caffe,
    )
    from netsurgery.engine.registry import (
        default_engine as default_engine,
        engine as engine,
        engines as engines,
        register_engine as register_engine,
    )

__getattr__, __dir__, __all__ = face(__name__)
