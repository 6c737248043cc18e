"""The collector: what is kept, what goes, and how it goes while others use the store.

    roots, process_roots, temproots, retention ──liveness──▶ dead objects ──collect──▶ trash ──▶ unlinked

`forecast` counts what that would free; `logs` removes old build logs.
"""
