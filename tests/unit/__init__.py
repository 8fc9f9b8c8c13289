"""One room at a time, no server, in seconds."""
