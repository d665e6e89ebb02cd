"""Rate limits of webhooks.

In order: slots, reservations, limiter.
"""
