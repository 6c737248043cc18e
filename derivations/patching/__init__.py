"""Apply patches, from the bytes of a file to a changed tree; nothing here touches a file.

    bytes ──messages──▶ Message ──parse──▶ Commit of Changes ──apply──▶ the new state of each path

A patch file is a diff, a mail, or a mailbox of several; each mail is a commit, and a file without mails is
one commit. Git's rules apply: what `git apply` accepts gives the same result as with git. What only `patch`
accepts (fuzz, line endings, indentation) is applied with a remark, and what neither can be sure of is
refused, with the line.
"""
