"""`python -m shared.cli`, which is how the supervisor starts its children."""

from shared.cli import main

main()
