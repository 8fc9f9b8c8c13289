"""The invariants, against whatever Hypothesis can think of."""
