"""How a wish becomes fact: the command bus, the ports it needs, imports and policies."""
