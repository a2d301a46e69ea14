"""What to do with a model, as data: plans, and the planners that make them."""

from netsurgery.planning.plan import Plan, Skipped

__all__ = ["Plan", "Skipped"]
