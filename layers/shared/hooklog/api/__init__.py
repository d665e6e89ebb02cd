"""What is asked for, and the answers.

In order: cursor, request, response, time_limit.
"""
