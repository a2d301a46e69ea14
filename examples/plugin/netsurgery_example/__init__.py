"""A layer type, a method, an engine and a saliency for netsurgery, one file each."""
