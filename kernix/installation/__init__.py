"""From a profile to a boot partition: what is there, what the machine runs, and the changes, step by step."""
