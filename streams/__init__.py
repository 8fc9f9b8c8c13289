"""How events travel: the wire contract, upcasters, the projection runner, replay and rebuild."""
