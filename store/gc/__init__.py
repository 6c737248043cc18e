"""The collector: what is kept, what is deleted, and how, while other processes use the store.

    roots, process_roots, temproots, retention ──liveness──▶ dead objects ──collect──▶ trash ──▶ unlinked

`forecast` computes what a collection would free; `logs` removes old build logs.
"""
