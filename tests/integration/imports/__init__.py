"""Integration tests of imports, on the real store, bus and keys."""
