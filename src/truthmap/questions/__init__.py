"""What is asked: built-in sets, the paper's sets, user files, splits."""
