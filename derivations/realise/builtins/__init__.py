"""The builtin builders: functions in this process, each of which takes a job and creates its outputs.

    Derivation(builder="builtin:NAME") ──registry──▶ a function ──▶ files in the job's scratch directory

Inputs: fetch, git, git_patches, local, unpack, union, patch. Configurations: kconfig_slice, check_config. Hardware:
kbuild_map, driver_map, hardware_fragment, trim_fragment. Images: initramfs.
"""
