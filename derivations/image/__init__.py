"""What a kernel is booted with: archives and disks that are the same bytes wherever they are made."""
