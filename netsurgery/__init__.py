"""Make trained Caffe networks smaller and faster, and prove what it did to the outputs.

>>> import netsurgery as ns
>>> model = ns.load("deploy.prototxt", "net.caffemodel")
>>> smaller = ns.apply(model, ns.Plan((ns.Edit("fc6", "svd", {"rank": 1024}),)))
>>> smaller.save("out")
>>> ns.verify(model, smaller).error
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from netsurgery.errors import NetsurgeryError
from netsurgery.version import __version__

if TYPE_CHECKING:
    from netsurgery.compression import Compression, Proof, compress
    from netsurgery.methods import Edit
    from netsurgery.network import Model, from_pycaffe, load
    from netsurgery.planning import Plan
    from netsurgery.surgery import apply
    from netsurgery.verification import Verification, verify

__all__ = [
    "Compression",
    "Edit",
    "Model",
    "NetsurgeryError",
    "Plan",
    "Proof",
    "Verification",
    "__version__",
    "apply",
    "compress",
    "from_pycaffe",
    "load",
    "verify",
]

# Imported when first asked for, so that `import netsurgery` costs nothing.
_HOMES = {
    "Compression": "netsurgery.compression",
    "Edit": "netsurgery.methods",
    "Model": "netsurgery.network.model",
    "Plan": "netsurgery.planning",
    "Proof": "netsurgery.compression",
    "Verification": "netsurgery.verification",
    "apply": "netsurgery.surgery",
    "compress": "netsurgery.compression",
    "from_pycaffe": "netsurgery.network.pycaffe",
    "load": "netsurgery.network.model",
    "verify": "netsurgery.verification",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
