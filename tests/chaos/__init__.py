"""Whole runs under kills: nothing accepted is lost, stuck, done twice or changed (`make chaos`)."""
