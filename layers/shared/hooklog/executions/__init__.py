"""What is kept of an attempt: the log.

In order: text, execution, masking, tables, rows, details, attempts, log, history, erasure,
failures.
"""
