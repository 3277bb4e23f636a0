"""Benchmarks: ratios between things that run side by side in one run; `make bench` writes docs/benchmarks.md."""
