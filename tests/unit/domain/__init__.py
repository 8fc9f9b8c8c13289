"""What the domain's rooms decide, a file a room."""
