"""The parts of the operating system that the store needs, and that Python's library lacks or has in another form.

locks, space, mount_identity, writability    the file system: who uses what, what is full, what can be trusted
durable, syscalls                            files that survive a power failure; system calls that Python lacks
parallel, interrupt, meter                   long work in threads: interruptible, with progress
failpoints                                   where tests stop a process
"""
