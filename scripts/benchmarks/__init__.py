"""What scripts/benchmark measures: a model, children that work on it, and a file per figure."""
