"""Pictures of saved numbers."""
