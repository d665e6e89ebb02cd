"""One attempt: where it may go, the request, and what came of it.

In order: delivery, signature, target, networks, guard, deadline, headers, decoding, body, response, egress, courier.
"""
