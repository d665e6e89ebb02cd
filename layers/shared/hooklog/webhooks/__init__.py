"""Registered webhooks: settings, registry, retry schedules and transformations.

In order: retry, client_certificate, der, x509, certificate_upload, webhook, certificate_rows, rows, registry, patterns,
lists, encryption, rotation, cache, fair_queue, child_process, transformation, arithmetic, reasons, evaluator.
"""
