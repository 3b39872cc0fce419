"""What generates answers: one file per engine."""
