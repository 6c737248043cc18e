"""Patches, from bytes to a changed tree; nothing here touches a file.

    bytes ──messages──▶ Message ──parse──▶ Commit of Changes ──apply──▶ what becomes of each path

A patch file is a diff, a mail, or a mailbox of several; each mail is a commit, and what is in no mail is
one. Git's rules decide: what `git apply` takes comes out as git has it. What only `patch` takes (fuzz, line
endings, indentation) is applied with a remark, and what neither can be sure of is refused with the line.
"""
