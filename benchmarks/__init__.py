"""Benchmarks: ratios inside one run, never absolute times, for machines are noisy."""
