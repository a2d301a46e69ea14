"""Make trained Caffe networks smaller and faster, and prove what it did to the outputs.

>>> import netsurgery as ns
>>> model = ns.load("deploy.prototxt", "digits.caffemodel")  # the pair of examples/digits
>>> smaller = ns.apply(model, ns.Plan((ns.Edit("fc3", "svd", {"rank": 48}),)))
>>> ns.inspect(model).totals.macs, ns.inspect(smaller).totals.macs
(428288, 363776)
>>> prototxt, weights = smaller.save("out")
>>> ns.verify(model, smaller).error < 0.01
True

What the command line does is one function here, of the same name: it takes a model, a request and,
where it writes, where to. Each name is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.errors import NetsurgeryError
from netsurgery.lazy import face
from netsurgery.version import __version__

if TYPE_CHECKING:
    from netsurgery.calibration import Inputs as Inputs, Preprocessing as Preprocessing
    from netsurgery.costs import Budget as Budget
    from netsurgery.jobs import (
        ApplyRequest as ApplyRequest,
        Bisection as Bisection,
        BisectRequest as BisectRequest,
        Cache as Cache,
        ChannelGroups as ChannelGroups,
        ChannelsRequest as ChannelsRequest,
        ClearedCache as ClearedCache,
        Compression as Compression,
        CompressRequest as CompressRequest,
        Conversion as Conversion,
        ConvertRequest as ConvertRequest,
        Diagnosis as Diagnosis,
        DoctorRequest as DoctorRequest,
        EngineList as EngineList,
        Explanation as Explanation,
        FedRequest as FedRequest,
        Finetuned as Finetuned,
        FinetuneRequest as FinetuneRequest,
        Inspection as Inspection,
        InspectRequest as InspectRequest,
        PlanRequest as PlanRequest,
        Preview as Preview,
        Pruned as Pruned,
        PruneRequest as PruneRequest,
        RankRequest as RankRequest,
        Sweep as Sweep,
        SweepRequest as SweepRequest,
        ThinRequest as ThinRequest,
        UpgradedFiles as UpgradedFiles,
        UpgradeRequest as UpgradeRequest,
        VerifyRequest as VerifyRequest,
        WrittenPair as WrittenPair,
        apply as apply,
        bisect as bisect,
        cache as cache,
        channels as channels,
        clear_cache as clear_cache,
        compress as compress,
        convert as convert,
        doctor as doctor,
        engines as engines,
        explain as explain,
        finetune as finetune,
        inspect as inspect,
        plan as plan,
        preview as preview,
        prune as prune,
        rank as rank,
        save_golden as save_golden,
        sweep as sweep,
        thin as thin,
        upgrade as upgrade,
        verify as verify,
        verify_golden as verify_golden,
        write_applied as write_applied,
    )
    from netsurgery.methods import Edit as Edit
    from netsurgery.network import Model as Model, from_pycaffe as from_pycaffe, load as load
    from netsurgery.planning import Plan as Plan
    from netsurgery.ranking import Ranking as Ranking
    from netsurgery.verification import Verification as Verification

__getattr__, _, _offered = face(__name__)
__all__ = ["NetsurgeryError", "__version__", *_offered]


def __dir__() -> list[str]:
    return __all__
