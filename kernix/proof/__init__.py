"""Proofs in the background: what `kernix build --prove` begins.

begin ──a process of its own──▶ run ──the verdict──▶ the store's database
                                    ──a refutation──▶ announce, in the next build that it concerns
"""
