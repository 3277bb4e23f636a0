"""Models that write text: loaded once, deterministic, bounded, and stopped between two tokens."""
