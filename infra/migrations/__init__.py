"""How a store made by an older release becomes one of this release. A migration runs whole or not at all."""
