"""The same build again, answered without evaluating anything.

    record ──keeps what a build printed and all that it followed from──▶ cache ──prints it again if nothing changed

`up_to_date` answers from the database once the attributes are evaluated. Nothing here may import much:
that is what makes it fast.
"""
