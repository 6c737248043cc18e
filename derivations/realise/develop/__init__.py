"""Work on a kernel's tree: a directory of the user's, in which a session finds source and objects and leaves its changes.

`workplace`: the directory and what is recorded in it ─▶ `source`: what was changed of the source
─▶ `objects`: a kept object tree below, without what the changes made worthless
"""
