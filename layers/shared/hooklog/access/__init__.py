"""Who may ask, and how a token shows it.

In order: grants, routes, keys, issuer, tokens.
"""
