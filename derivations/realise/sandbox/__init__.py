"""The sandbox: from a derivation's mounts and command to a finished process and its log.

bubblewrap    what the builder sees, as arguments; `seccomp` what it may not call
launch        how bubblewrap is started, as root by `launcher` and one of `users`
process       the running sandbox: start it, watch it, kill it, make sure that it has ended
bounds        how much of the machine it may use; `usage` enforces that
run_builder   one build with its output and time limits; `rehearse` discards the outputs
interactive   a command on pipes or a `terminal`
log           the builders' logs; `follow_log` reads them while they are written
probe         whether this machine can run the sandbox
"""
