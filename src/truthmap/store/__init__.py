"""Hidden states on disk: finished shards, read one layer at a time."""
