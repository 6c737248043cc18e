"""Requirement sets: what programs, systems and machines need of a kernel's configuration, as rules with their sources.

requirement_set   a set, and the bundled ones by name
judged            which rules of sets hold in a configuration, and why not
sets/             the bundled sets: one module each, data only
"""
