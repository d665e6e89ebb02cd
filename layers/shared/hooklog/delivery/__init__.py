"""One attempt to deliver a message: allowed addresses, the HTTP client, the request and its outcome.

In order: delivery, signature, target, networks, guard, deadline, tls, causes, headers, decoding, body, response,
egress, client.
"""
