"""The verbs, one a module, each with its `command`."""
