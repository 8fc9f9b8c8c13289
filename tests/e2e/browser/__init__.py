"""The page as a person meets it: a real browser on the real program."""
