"""The objects that a kernel tree's makefiles build, and under which options.

    Kbuild files ──evaluate, functions──▶ assignments ──read_kbuild──▶ `kbuild_map.Kbuild`

A `gate.Gate` is the condition for building an object. Nothing here depends on a machine or a configuration.
"""
