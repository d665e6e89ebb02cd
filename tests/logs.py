"""Reads what handlers have logged."""

import pytest


def logged_events(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [event for record in caplog.records if (event := record.__dict__.get("event"))]
