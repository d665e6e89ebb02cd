"""hooklog, the command line for operators and developers: a client of the queue, the API and CloudWatch Logs.

It goes where its user's AWS credentials go, and is no part of what is deployed.
"""
