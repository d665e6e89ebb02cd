"""What is asked for, and the answers.

In order: cursor, request, answer, time_limit.
"""
