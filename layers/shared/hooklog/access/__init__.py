"""Authentication and authorization of API calls.

In order: headers, cors, loops, grants, routes, keys, issuer, tokens.
"""
