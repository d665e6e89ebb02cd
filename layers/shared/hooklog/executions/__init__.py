"""What is kept of an attempt: the log.

In order: text, execution, masking, rows, details, attempts, log, history, erasure, failures.
"""
