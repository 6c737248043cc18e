"""The builders that are functions of the realiser: each takes a job and leaves its outputs."""
