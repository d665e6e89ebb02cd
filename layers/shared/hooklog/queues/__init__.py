"""What has to wait: for its retry, for DynamoDB, for an operator.

In order: clients, sqs, carried, repeats, unlogged, dead_letters.
"""
