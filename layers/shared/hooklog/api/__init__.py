"""The HTTP API: requests, responses and cursors.

In order: cursor, request, response, time_limit.
"""
