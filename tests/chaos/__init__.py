"""Killed, restarted, repeated: nothing acknowledged is lost."""
