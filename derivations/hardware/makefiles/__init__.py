"""What a kernel tree's makefiles build, and under which options.

    Kbuild files ──evaluate, functions──▶ assignments ──read_kbuild──▶ `kbuild_map.Kbuild`

A `gate.Gate` is the condition under which something is built. Nothing here knows a machine or a configuration.
"""
