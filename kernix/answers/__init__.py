"""A repeated build, answered without evaluating anything.

    record ──stores the output of a build and everything it depends on──▶ cache ──prints it again if nothing changed

`up_to_date` answers from the database once the attributes are evaluated. These modules import as little as possible:
that makes them fast.
"""
