"""The options of the bundled fragments: one module per fragment, or per part of a machine in `common`.

    devices, kernel, network, platform, storage, filesystems, firmware … ──common──▶ the fragment of an ordinary machine

Each module has a `FRAGMENT` or its `OPTIONS`; `derivations.kconfig.fragments` loads it when its name is first used.
"""
