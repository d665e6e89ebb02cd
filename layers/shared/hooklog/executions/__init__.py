"""What is kept of an attempt: the log.

In order: text, execution, masking, tables, chain, details, log, failures.
"""
