"""More answers to each question of a run, drawn at a temperature."""
