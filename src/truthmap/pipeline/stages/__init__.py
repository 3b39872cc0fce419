"""One file per stage, named as in the ledger."""
