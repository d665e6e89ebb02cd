"""What is kept of an attempt: the log.

In order: execution, masking, tables, chain, details, log, failures.
"""
