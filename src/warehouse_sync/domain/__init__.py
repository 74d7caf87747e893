"""Values and the rules about values. Knows no I/O, no clock and no randomness."""
