"""The HTTP API: requests, responses and cursors.

In order: bundle, cursor, request, response, seen, time_limit.
"""
