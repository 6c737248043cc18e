"""Downloads: from URLs and a hash to a file, or to one error with every mirror's answer.

    download ──▶ connection ──▶ http_response ──retry──▶ the next attempt, or the next mirror

`kernel_org` reads kernel.org's announcements and checksums; `signature` verifies them.
"""
