"""Downloads: from a URL and a hash to a file, or to one error that names every mirror's answer.

    download ──▶ connection ──▶ http_response ──retry──▶ the next try, or the next mirror

`kernel_org` and `signature` read what kernel.org announces and signs.
"""
