"""The HTTP API as a client meets it, on real parts."""
