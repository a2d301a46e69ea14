"""What is left of a net: what each output is, how it is judged, and the limits."""

from netsurgery.quality.limits import KINDS, LIMITS, Limits
from netsurgery.quality.verdict import OutputQuality, Quality

__all__ = ["KINDS", "LIMITS", "Limits", "OutputQuality", "Quality"]
