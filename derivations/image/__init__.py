"""Images to boot a kernel with: archives and disks with the same bytes wherever they are made."""
