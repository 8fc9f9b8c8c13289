"""Through HTTP and the command line, as a new user would."""
