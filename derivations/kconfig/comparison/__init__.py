"""Two configurations side by side: what differs, and why.

side          one configuration, with all that is known of how it came about
difference    the options that differ, each below its cause
cause         the nearest reason for one of them
upgrade       what another version of Linux changes about a definition
minimal_edit  what a person changed in an editor, as the fewest requests
"""
