"""Images to boot a kernel with: archives and disks with the same bytes wherever they are made.

entries ──initramfs──▶ a derivation ──`realise.builtins.initramfs`──▶ nodes ──newc──▶ a cpio archive
"""
