"""Make trained Caffe networks smaller and faster, and prove what it did to the outputs.

>>> import netsurgery as ns
>>> model = ns.load("deploy.prototxt", "net.caffemodel")
>>> smaller = ns.apply(model, ns.Plan((ns.Edit("fc6", "svd", {"rank": 1024}),)))
>>> smaller.save("out")
>>> ns.verify(model, smaller).error

What the command line does is one function here, of the same name: it takes a model, a request and,
where it writes, where to. Each name is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.errors import NetsurgeryError
from netsurgery.lazy import face
from netsurgery.version import __version__

if TYPE_CHECKING:
    from netsurgery.compression import (
        Compression as Compression,
        Proof as Proof,
        compress as compress,
    )
    from netsurgery.jobs import (
        ChannelGroups as ChannelGroups,
        ChannelsRequest as ChannelsRequest,
        Conversion as Conversion,
        ConvertRequest as ConvertRequest,
        Diagnosis as Diagnosis,
        DoctorRequest as DoctorRequest,
        EngineList as EngineList,
        Explanation as Explanation,
        Inspection as Inspection,
        InspectRequest as InspectRequest,
        UpgradedFiles as UpgradedFiles,
        UpgradeRequest as UpgradeRequest,
        channels as channels,
        convert as convert,
        doctor as doctor,
        engines as engines,
        explain as explain,
        inspect as inspect,
        upgrade as upgrade,
    )
    from netsurgery.methods import Edit as Edit
    from netsurgery.network import Model as Model, from_pycaffe as from_pycaffe, load as load
    from netsurgery.planning import Plan as Plan
    from netsurgery.surgery import apply as apply
    from netsurgery.verification import Verification as Verification, verify as verify

__getattr__, __dir__, _offered = face(__name__)
__all__ = ["NetsurgeryError", "__version__", *_offered]
