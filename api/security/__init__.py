"""Who may do what: keys, tokens, passwords, limits, and the guard before each route."""
