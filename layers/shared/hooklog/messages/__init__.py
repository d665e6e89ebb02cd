"""The messages that producers send, read strictly.

In order: fields, field_errors, event_types, trace, message, codec, call.
"""
