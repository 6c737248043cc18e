"""The caller: paths and places in the user's own Python code, not in kernix.

place             the file and line of an option or a call, shown in errors and diagnoses
relative_path     relative paths in a definition, which are relative to the definition's file
argument_errors   whether a call failed, or its arguments did not fit
"""
