"""A running guest: QEMU as a process of the user's, its console, and the streams of its command.

emulator   starts QEMU from its root file system in the store, without a sandbox
console    what the kernel writes; finds a panic in it
streams    the user's three streams and terminal
guest      one command from start to end: everything above in one loop
"""
