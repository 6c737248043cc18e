"""This machine: its hardware, and checks that it can build and boot.

sysfs, or files with listings ──▶ a Snapshot ──driver_tree──▶ the drivers of a kernel ──report──▶ `kernix detect`
doctor_checks, kvm_check ──▶ `kernix doctor`
"""
