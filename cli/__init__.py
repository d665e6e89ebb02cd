"""hooklog, the command line for operators and developers: a client of the queue, the API and CloudWatch Logs.

It runs with the user's AWS credentials and is not deployed.
"""
