"""The doors over HTTP: the outside's shapes turned into the domain's and back."""
