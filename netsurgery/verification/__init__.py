"""Proof: two models run side by side, or one against what another left behind."""

from netsurgery.verification.accuracy import Accuracy
from netsurgery.verification.comparison import BlobComparison, Noise
from netsurgery.verification.golden import save_golden, verify_golden
from netsurgery.verification.models import verify
from netsurgery.verification.verdict import Demand, Verification

__all__ = [
    "Accuracy",
    "BlobComparison",
    "Demand",
    "Noise",
    "Verification",
    "save_golden",
    "verify",
    "verify_golden",
]
