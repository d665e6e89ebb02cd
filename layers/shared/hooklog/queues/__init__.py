"""What has to wait: for its retry, for DynamoDB, for an operator.

In order: sqs, carried, repeats, unlogged, dead_letters.
"""
