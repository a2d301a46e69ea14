"""Make trained Caffe networks smaller and faster, and prove what it did to the outputs."""

from netsurgery.errors import NetsurgeryError
from netsurgery.version import __version__

__all__ = ["NetsurgeryError", "__version__"]
