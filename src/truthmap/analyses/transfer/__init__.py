"""Probes of one set, read on another."""
