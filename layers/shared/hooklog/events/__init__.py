"""Events for operators and for the SaaS's own code, on an SNS topic.

In order: event, topic, health, outbox, publisher, certificates.
"""
