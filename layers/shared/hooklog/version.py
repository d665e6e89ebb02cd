"""The version of Hooklog, which only this module states."""

__version__ = "0.1.0"
