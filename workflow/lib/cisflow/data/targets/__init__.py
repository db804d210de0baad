"""Where the numbers of windows come from, one module a kind of file.

A module declares its `Settings`, a class of `common.Common`, whose docstring begins with what the numbers are, and has
`collect(settings, windows) -> common.Numbers`, where settings that name a resource hold its file.
"""
