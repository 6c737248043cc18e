"""The sandbox: from a derivation's mounts and command to a finished process and its log.

bubblewrap    what the builder sees, as arguments; `seccomp` what it may not call
launch        how bubblewrap is started, as root by `launcher` and one of `users`
process       the running sandbox: started, watched, killed, and certainly over
bounds        what it may take of the machine; `usage` watches that
run_builder   one build with its output and time limits; `rehearse` keeps nothing of it
interactive   a command that talks to a `terminal`
log           what builders wrote; `follow_log` reads it while they write
probe         whether this machine can do all that
"""
