"""The log of executions.

In order: text, execution, masking, rows, details, attempts, log, filters, history, erasure, failures.
"""
