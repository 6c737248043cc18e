"""Two configurations side by side: what differs, and why.

side          one configuration, with what is known about its origin
difference    the options that differ, each below its cause
cause         the direct cause of one difference
upgrade       what another version of Linux changes about a definition
minimal_edit  the changes made in an editor, as the fewest requests
"""
