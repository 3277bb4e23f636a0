"""What clinq gets right and wrong, measured on development data: `make quality` writes docs/quality.md."""
