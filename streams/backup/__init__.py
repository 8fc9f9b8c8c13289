"""Backups: one file that holds a store whole, checked by itself alone.

`blocks` is the file, `content` what stands in it, `digests` the proof that what is restored folds to the same figures.
The rule of all three: what was altered, cut off or put together from two files is told, and never taken for a backup.
"""
