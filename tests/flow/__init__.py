"""Whole jobs through real processes."""
