"""Counts of executions per webhook and hour, and the webhooks that have some.

In order: hours, durations, counts, intervals, seen, stream.
"""
