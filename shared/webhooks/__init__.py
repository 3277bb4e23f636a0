"""Callbacks to the addresses of those who submit: an outbox, signatures, and a sender that any number may run."""
