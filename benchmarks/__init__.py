"""Benchmarks: ratios taken in one run on one machine, medians of several tries. `make bench` prints the table."""
