"""Configurations that commands work on: named by the user, read, resolved, repaired, compared with requirements.

a word ──named──▶ a kernel, a version or a file (`files`) ──resolved──▶ every option's value ──repair──▶ edits
                                                                                            └─requirements──▶ a report
"""
