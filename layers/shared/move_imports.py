"""The program that moves slow imports of dependencies to where they are used.

Our functions do not use them, but would pay for them at every cold start.

    python move_imports.py <the layer's python folder>

The build fails if a line is not found exactly once, because the dependency has changed then.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

NOTICE: Final = "# Changed by Hooklog: imports were moved to where they are used.\n"
"""The Apache License requires that changed files say so."""

MOVED: Final[Mapping[str, Mapping[str, str]]] = {
    # Writing documentation needs an HTML parser.
    "botocore/docs/__init__.py": {
        "from botocore.docs.service import ServiceDocumenter\n": "",
        "    # Create the root directory": "    from botocore.docs.service import ServiceDocumenter\n\n"
        "    # Create the root directory",
    },
    "botocore/docs/docstring.py": {
        "from botocore.docs.bcdoc.restdoc import DocumentStructure\n": "",
        "from botocore.docs.method import document_model_driven_method\n": "",
        "from botocore.docs.paginator import document_paginate_method\n": "",
        "from botocore.docs.waiter import document_wait_method\n": "",
        "        docstring_structure = DocumentStructure(": "        from botocore.docs.bcdoc.restdoc import "
        "DocumentStructure\n\n        docstring_structure = DocumentStructure(",
        "        document_model_driven_method(": "        from botocore.docs.method import document_model_driven_method"
        "\n\n        document_model_driven_method(",
        "        document_paginate_method(": "        from botocore.docs.paginator import document_paginate_method\n\n"
        "        document_paginate_method(",
        "        document_wait_method(": "        from botocore.docs.waiter import document_wait_method\n\n"
        "        document_wait_method(",
    },
    # Only HTTP/2 needs the version of a package, and with it zipfile.
    "urllib3/http2/__init__.py": {
        "from importlib.metadata import version\n": "",
        '    h2_version = version("h2")\n': "    from importlib.metadata import version\n\n"
        '    h2_version = version("h2")\n',
    },
    # Only correlation IDs need JMESPath with Powertools' functions, and with it typing_extensions.
    "aws_lambda_powertools/logging/logger.py": {
        "from aws_lambda_powertools.utilities import jmespath_utils\n": "",
        "                self.set_correlation_id(\n": "                from aws_lambda_powertools.utilities import "
        "jmespath_utils\n\n                self.set_correlation_id(\n",
    },
    # Python 3.11 and later has it.
    "aws_lambda_powertools/metrics/types.py": {
        "from typing_extensions import NotRequired\n": "from typing import NotRequired\n"
    },
}
"""By file, lines with their replacement."""


def move(python: Path) -> None:
    for name, replacements in MOVED.items():
        file = python / name
        if not file.exists():
            sys.exit(f"move_imports.py: there is no {name}")
        text = replace(name, file.read_text("utf-8"), replacements)
        file.write_text(NOTICE + text, "utf-8")


def replace(name: str, text: str, replacements: Mapping[str, str]) -> str:
    for old, new in replacements.items():
        if text.count(old) != 1:
            sys.exit(f"move_imports.py: {name} does not contain exactly once: {old.strip()}")
        text = text.replace(old, new)
    return text


if __name__ == "__main__":
    move(Path(sys.argv[1]))
