"""Unit tests of imports: formats and plans, without a store."""
