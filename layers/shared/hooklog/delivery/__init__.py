"""One attempt: where it may go, the request, and what came of it.

In order: delivery, signature, target, networks, guard, deadline, tls, causes, headers, decoding, body, response,
egress, client.
"""
