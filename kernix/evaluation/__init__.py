"""From words on the command line to derivations and store paths.

inputs       finds the lock, pins and overlays
definitions  evaluates the kernel set and the user's file
attributes   resolves `linux_micro.dev`: a name, an output, a test
objects      resolves store paths, digests and attributes to store objects
drvs         writes derivations to the store, and reads them back
selection    repeats the words in the commands of hints
completion   completes attributes and overlays for the shell
"""
