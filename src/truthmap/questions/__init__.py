"""What is asked: built-in sets, the study's tasks, user files, splits."""
