"""From words on the command line to derivations and store paths.

inputs       the lock, pins and overlays that count, and what is read from the environment
definitions  the evaluated kernel set and the user's file
attributes   `linux_micro.dev`: a name, an output, a test
objects      store paths, digests or attributes ──▶ store objects
drvs         derivations written to the store, and read back
selection    the words again, for commands in hints
completion   what a shell may complete
"""
