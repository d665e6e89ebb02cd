"""Registered webhooks: settings, registry, retry schedules and transformations.

In order: retry, webhook, rows, registry, patterns, lists, encryption, rotation, cache, fair_queue, child_process,
transformation, arithmetic, reasons, evaluator.
"""
