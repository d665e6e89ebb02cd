"""Who is called: what a customer has set up, and when to call again.

In order: retry, webhook, rows, registry, patterns, lists, encryption, cache, fair_queue, child_process,
transformation, arithmetic, reasons, evaluator.
"""
