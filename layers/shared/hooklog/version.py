"""The version of Hooklog, which the package of the web component repeats, and its name in calls of AWS."""

import os
from typing import Final

__version__ = "0.1.0"

_APP_ID = os.environ.get("AWS_SDK_UA_APP_ID")

USER_AGENT: Final = f"Hooklog/{__version__}" + (f" app/{_APP_ID}" if _APP_ID else "")
"""With the application's ID, if the deployment sets one, as AWS SDKs write it."""
