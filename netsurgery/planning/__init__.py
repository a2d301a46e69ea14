"""What to do with a model, as data: plans, and the planners that make them."""

from netsurgery.planning.plan import Left, Plan

__all__ = ["Left", "Plan"]
