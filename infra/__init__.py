"""What the house stands on: it implements the ports and wires the parts; nobody imports it."""
