"""Who may ask, and how a token shows it.

In order: loops, grants, routes, keys, issuer, tokens.
"""
