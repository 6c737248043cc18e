"""Whether a build gives the same bytes again: what differs between two results, where, and why."""
