"""How people and machines talk to the house."""
