"""What a run leaves behind (ledger, marks, offsets, facts), its clock and exit codes; judging is in `reconcile/`.

`load` and `chaos` write these files while a run goes on, `reconcile` reads them afterwards.
"""
