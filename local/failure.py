"""The one exception of the local AWS."""


class LocalFailure(Exception):
    """A failure that the user can act on. Only its text is shown."""
