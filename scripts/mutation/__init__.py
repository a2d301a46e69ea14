"""What scripts/mutants is made of: faults, which tests reach a line, and trying a fault."""
