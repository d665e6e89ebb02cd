"""Authentication and authorization of API calls.

In order: loops, grants, routes, keys, issuer, tokens.
"""
