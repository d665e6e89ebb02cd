"""One attempt to deliver a message, from the check of the address to the outcome.

In order: delivery, signature, target, networks, guard, deadline, tls, causes, headers, decoding, body, response,
client_certificates, egress, client.
"""
