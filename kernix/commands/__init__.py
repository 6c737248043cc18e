"""The verbs: a module each, with the verb as its `command`."""
