"""What can be seen: one file a read model, with its tables, its reducer and its queries."""
