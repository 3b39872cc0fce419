"""Getting answers, with the hidden states kept on the way where they are wanted and the engine can."""
