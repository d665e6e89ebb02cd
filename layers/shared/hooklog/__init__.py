"""Send webhooks and keep a log of every execution.

The modules stand in the order in which a webhook passes through them, and import only leftward:

    errors, settings, version < message < egress < delivery < execution < log < sending     (the sender)
                                                             execution < log < history < api (the readers)
                                                                                   access < api
"""
