"""What a run leaves behind: options, ledger, marks, offsets, and the folder that holds them.

`load` and `chaos` write these files while the run goes on, `reconcile` reads them afterwards. This room is the contract
between them, so it imports none of the other rooms.
"""
