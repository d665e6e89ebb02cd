"""What a producer asks for, read strictly.

In order: fields, trace, message, codec, call.
"""
