"""The HTTP API: requests, responses and cursors.

In order: cursor, request, response, seen, time_limit.
"""
