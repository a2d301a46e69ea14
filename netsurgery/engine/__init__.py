"""Run Caffe models and return blobs, each model in a process of its own."""

from netsurgery.engine.base import Engine, Probe, Session
from netsurgery.engine.registry import default_engine, engine, engines, register_engine

__all__ = [
    "Engine",
    "Probe",
    "Session",
    "default_engine",
    "engine",
    "engines",
    "register_engine",
]
