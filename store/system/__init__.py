"""What the store needs of the operating system, and Python's library does not have in this form.

locks, syscalls, space, moment, writability     the file system: who holds what, what is full, what can be believed
parallel, interrupt, meter                      long work in threads: stopped in time, counted
failpoints                                      where tests stop a process
"""
