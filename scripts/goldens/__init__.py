"""What scripts/golden is made of: the commands, running them, comparing what they wrote."""
