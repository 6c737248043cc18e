"""The compile cache that a user can have for what no kept tree serves: ccache in its preprocessor mode.

    settings ─▶ is there a ccache in the toolchain? ─▶ its directory, locked ─▶ what the sandbox shows besides ─▶ counts

It is in no key: how a builder is run, not what it builds.
"""
