"""Benchmarks. Ratios compare measurements of one run on one machine; times are medians. `make bench` prints the table."""
