"""What a run needs while it is open: model, engine, store, executor."""
