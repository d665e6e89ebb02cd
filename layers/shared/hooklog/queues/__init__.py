"""What has to wait: for its retry, for DynamoDB, for an operator.

In order: sqs, retry_tasks, pending, dead_letters.
"""
