"""What the house promises, held against the real parts."""
