"""The version of Hooklog, which the package of the web component repeats."""

__version__ = "0.1.0"
