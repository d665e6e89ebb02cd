"""What has to wait: for its retry, for DynamoDB, for an operator.

In order: sqs, repeats, unlogged, dead_letters.
"""
