"""The messages that producers send, read strictly.

In order: fields, field_errors, trace, message, codec, call.
"""
