"""What is asked for, and the answers.

In order: history, cursor, request, answer, resend, recovery, erasure, time_limit, lease, trial.
"""
