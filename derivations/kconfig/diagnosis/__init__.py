"""What became of each request, why, and what would make it hold.

    requests + values ──diagnose──▶ one `outcome` each
                      ──blockers──▶ the chain from an option down to what can be changed
                      ──planner───▶ `plan`s: options to set together ──repair──▶ those that Kconfig confirms

`reachable` proves that an option can never have a value, `ranges` explains numbers, `explain` tells all about
one option, `base` and `whole_config` account for configurations that come as files.
"""
