"""A layer type, a method and an engine for netsurgery, one file each."""
