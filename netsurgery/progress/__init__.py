"""What long work is about, how far it is, how long it will take, and where its time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.progress.events import (
        Event as Event,
        Listener as Listener,
        TaskState as TaskState,
        duration as duration,
    )
    from netsurgery.progress.forecast import (
        Forecast as Forecast,
        TaskTime as TaskTime,
        seconds_left as seconds_left,
    )
    from netsurgery.progress.tasks import (
        Progress as Progress,
        ProgressLike as ProgressLike,
        Task as Task,
        silent as silent,
    )
    from netsurgery.progress.timings import (
        Timing as Timing,
        processor_seconds as processor_seconds,
    )

__getattr__, __dir__, __all__ = face(__name__)
