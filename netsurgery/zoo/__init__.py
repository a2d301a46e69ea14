"""Many models at once: found in folders, listed in manifests, each one an entry of a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.zoo.batch import (
        Listener as Listener,
        Work as Work,
        run_batch as run_batch,
        tasks_of as tasks_of,
    )
    from netsurgery.zoo.checking import (
        golden_words as golden_words,
        verifying as verifying,
    )
    from netsurgery.zoo.cluster import DaskScheduler as DaskScheduler
    from netsurgery.zoo.comparing import (
        BatchComparison as BatchComparison,
        ModelChange as ModelChange,
        compare_batches as compare_batches,
    )
    from netsurgery.zoo.discovery import (
        discover as discover,
    )
    from netsurgery.zoo.entry import (
        Entry as Entry,
        ModelBatch as ModelBatch,
        SkippedFile as SkippedFile,
        distinct_names as distinct_names,
    )
    from netsurgery.zoo.index import (
        Index as Index,
        read_index as read_index,
        to_csv as to_csv,
        without_times as without_times,
    )
    from netsurgery.zoo.manifest import (
        read_manifest as read_manifest,
    )
    from netsurgery.zoo.manifest_text import (
        write_manifest as write_manifest,
        written as written,
    )
    from netsurgery.zoo.outcome import (
        MEANINGS as MEANINGS,
        Outcome as Outcome,
    )
    from netsurgery.zoo.places import is_url as is_url
    from netsurgery.zoo.running import run_task as run_task
    from netsurgery.zoo.scheduling import (
        LocalScheduler as LocalScheduler,
        Scheduler as Scheduler,
    )
    from netsurgery.zoo.source import (
        read_source as read_source,
    )
    from netsurgery.zoo.task import (
        BatchTask as BatchTask,
        Reads as Reads,
        TaskLimits as TaskLimits,
        Word as Word,
        Writes as Writes,
        key_of as key_of,
    )

__getattr__, __dir__, __all__ = face(__name__)
