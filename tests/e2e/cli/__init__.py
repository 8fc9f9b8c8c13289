"""The command line as a new user meets it: the real program in a process of its own, on an empty folder."""
