"""The options of the bundled fragments: one module per fragment, or per part of a machine in `common`."""
