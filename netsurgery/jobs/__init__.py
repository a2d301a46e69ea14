"""What can be done with a model: one typed request and one function for each job.

Defaults and policies stand here: what is read as inputs and in which phase, which of them prove,
which engine runs, what is refused before anything runs. A job parses no text and prints nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.jobs.application import (
        ApplyRequest as ApplyRequest,
        WrittenPair as WrittenPair,
        apply as apply,
        file_of_plan as file_of_plan,
        is_made_for as is_made_for,
        write_applied as write_applied,
    )
    from netsurgery.jobs.bisection import (
        Bisection as Bisection,
        bisect as bisect,
    )
    from netsurgery.jobs.caching import (
        Cache as Cache,
        ClearedCache as ClearedCache,
        cache as cache,
        clear_cache as clear_cache,
    )
    from netsurgery.jobs.comparison import (
        VerifyRequest as VerifyRequest,
        save_golden as save_golden,
        verify as verify,
        verify_golden as verify_golden,
    )
    from netsurgery.jobs.compressed import (
        Compression as Compression,
    )
    from netsurgery.jobs.compression import (
        CompressRequest as CompressRequest,
        compress as compress,
    )
    from netsurgery.jobs.contradictions import (
        CHOICES as CHOICES,
        CLASHES as CLASHES,
        NEEDS as NEEDS,
        Conflict as Conflict,
        Requirement as Requirement,
        refuse_together as refuse_together,
    )
    from netsurgery.jobs.conversion import (
        Conversion as Conversion,
        ConvertRequest as ConvertRequest,
        convert as convert,
    )
    from netsurgery.jobs.coupling import (
        ChannelGroups as ChannelGroups,
        ChannelsRequest as ChannelsRequest,
        channels as channels,
    )
    from netsurgery.jobs.diagnosis import (
        Diagnosis as Diagnosis,
        DoctorRequest as DoctorRequest,
        doctor as doctor,
    )
    from netsurgery.jobs.engine_list import (
        EngineList as EngineList,
        engines as engines,
    )
    from netsurgery.jobs.explanation import (
        Explanation as Explanation,
        PlanLike as PlanLike,
        explain as explain,
    )
    from netsurgery.jobs.finetuning import (
        Finetuned as Finetuned,
        FinetuneRequest as FinetuneRequest,
        figures_after as figures_after,
        figures_before as figures_before,
        finetune as finetune,
    )
    from netsurgery.jobs.inspection import (
        Inspection as Inspection,
        InspectRequest as InspectRequest,
        LowRankFacts as LowRankFacts,
        inspect as inspect,
    )
    from netsurgery.jobs.json_text import (
        to_json as to_json,
    )
    from netsurgery.jobs.models import (
        ModelLike as ModelLike,
        note_on_phases as note_on_phases,
    )
    from netsurgery.jobs.outputs import (
        GOLDEN as GOLDEN,
        JUNIT as JUNIT,
        PAGE as PAGE,
        PLAN as PLAN,
        PLOT as PLOT,
        RANKING as RANKING,
        WEIGHTS as WEIGHTS,
        OutputFile as OutputFile,
        PathLike as PathLike,
        checked_folder as checked_folder,
    )
    from netsurgery.jobs.pair_judge import (
        BisectRequest as BisectRequest,
    )
    from netsurgery.jobs.plan_request import (
        PAIR_SUFFIXES as PAIR_SUFFIXES,
        PlanRequest as PlanRequest,
        SweepRequest as SweepRequest,
    )
    from netsurgery.jobs.planning import (
        Sweep as Sweep,
        checked_suffixes as checked_suffixes,
        plan as plan,
        sweep as sweep,
    )
    from netsurgery.jobs.previewing import (
        Preview as Preview,
        preview as preview,
    )
    from netsurgery.jobs.prune_request import (
        PruneRequest as PruneRequest,
    )
    from netsurgery.jobs.pruned import (
        Pruned as Pruned,
    )
    from netsurgery.jobs.published import (
        Recipe as Recipe,
        by_recipe as by_recipe,
        find_recipe as find_recipe,
        known_recipes as known_recipes,
        recipe_names as recipe_names,
        with_recipe as with_recipe,
    )
    from netsurgery.jobs.ranking import (
        RankRequest as RankRequest,
        rank as rank,
    )
    from netsurgery.jobs.requests import (
        FedRequest as FedRequest,
    )
    from netsurgery.jobs.rewritten import (
        pair_in as pair_in,
    )
    from netsurgery.jobs.samples import (
        InputsLike as InputsLike,
    )
    from netsurgery.jobs.showing import (
        Shown as Shown,
        ShownPicture as ShownPicture,
        show as show,
    )
    from netsurgery.jobs.thinning import (
        ThinRequest as ThinRequest,
        thin as thin,
    )
    from netsurgery.jobs.training_requests import (
        TrainingRequest as TrainingRequest,
    )
    from netsurgery.jobs.upgrading import (
        UpgradedFiles as UpgradedFiles,
        UpgradeRequest as UpgradeRequest,
        upgrade as upgrade,
    )
    from netsurgery.jobs.weight_pruning import (
        prune as prune,
    )

__getattr__, __dir__, __all__ = face(__name__)
