"""The one exception of the local AWS."""


class LocalFailure(Exception):
    """Something that the person at the terminal can act on; its text is all that is shown."""
