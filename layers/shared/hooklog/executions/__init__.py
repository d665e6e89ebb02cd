"""The log of executions.

In order: text, execution, masking, rows, details, attempts, log, history, erasure, failures.
"""
