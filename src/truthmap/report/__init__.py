"""Figures and the page, made from saved numbers."""
