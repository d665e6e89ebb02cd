"""Benchmarks that measure ratios within one run.

They compare no absolute times, because machines are noisy.
"""
