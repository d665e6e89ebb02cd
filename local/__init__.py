"""The local AWS: MiniStack with template.yaml deployed to it.

It also shows what Hooklog does.
"""
