"""What a producer asks for, read strictly.

In order: fields, field_errors, trace, message, codec, call.
"""
