"""A batch of messages, all at once, each logged when it is done.

In order: topics, orders, clerk, disabling, archive, batch, samples.
"""
