"""The options of the bundled fragments: a module a fragment, or a part of a machine that `common` is made of."""
