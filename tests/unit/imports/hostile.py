"""Files as a fault on the way, or somebody who means ill, would leave them: a good file with pieces moved about."""

from __future__ import annotations

from hypothesis import strategies as st


def mutated(samples: list[bytes], pieces: list[bytes]) -> st.SearchStrategy[bytes]:
    """One of `samples` with up to six changes: a stretch of it, or none, gives way to one of `pieces` or any bytes."""
    places = st.floats(0, 1)
    put_in = st.one_of(st.sampled_from([b"", *pieces]), st.binary(max_size=12))
    changes = st.lists(st.tuples(places, places, put_in), max_size=6)
    return st.builds(_changed, st.sampled_from(samples), changes)


def _changed(raw: bytes, changes: list[tuple[float, float, bytes]]) -> bytes:
    for one, other, piece in changes:
        start, end = sorted((int(one * len(raw)), int(other * len(raw))))
        if end - start > len(raw) // 4:
            end = start  # a file without its middle teaches little: only put something in
        raw = raw[:start] + piece + raw[end:]
    return raw
