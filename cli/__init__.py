"""The command line `hooklog` for operators and developers.

It is a client of the queue, the API and CloudWatch Logs. It runs with the user's AWS credentials and is not deployed.
"""
