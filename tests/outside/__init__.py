"""What an outsider would write: nothing here imports a line of the application."""
