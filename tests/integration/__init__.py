"""Floors together, on real servers."""
