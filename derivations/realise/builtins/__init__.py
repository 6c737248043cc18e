"""The builtin builders: functions in this process, each of which takes a job and creates its outputs."""
