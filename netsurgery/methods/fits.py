"""What the factors of a layer may be best for."""

from __future__ import annotations

NONE, DATA, ASYMMETRIC, RELU = FITS = ("none", "data", "asymmetric", "relu")
"""For what a layer's factors are best: its weights; its outputs in the original; what it made
there, of what it reads in the net as rewritten so far; or what a ReLU behind it left of that."""
