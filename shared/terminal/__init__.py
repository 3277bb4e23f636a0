"""What people see in a terminal: log lines, live progress, results."""
