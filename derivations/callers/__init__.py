"""Who calls: paths and places that belong to the user's own Python, not to kernix.

place     the file and line that an option or a call is written in, shown in errors and accounts
beside    a relative path in a definition means a file beside that definition
refused   whether a call failed, or its arguments did not fit
"""
