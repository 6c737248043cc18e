"""The outcome of each request, the reason, and what would make the request hold.

    requests + values ──diagnose──▶ one `outcome` each
                      ──blockers──▶ the chain from an option down to what can be changed
                      ──planner───▶ `plan`s: options to set together ──repair──▶ those that Kconfig confirms

`reachable` proves that an option can never have a value, `ranges` explains numbers, `explain` describes one
option in full, `base` and `whole_config` diagnose configurations that come as files.
"""
