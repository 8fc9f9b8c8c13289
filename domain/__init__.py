"""What is true: the household's money, decided and folded by pure functions; the standard library only."""
