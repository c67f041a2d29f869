"""Every sentence with a number or a claim in summary, reports and step summary; no layout, no markup.

One function builds each from the data that it describes, and registers it by name (`registry.SENTENCES`). The renderers
only place the texts. To add one: write the function in the module of its subject, decorate it with `@sentence(name,
of)` or `@outage_sentence(name, of)`, and add its recomputation from the raw history to
`tests/reconcile/report/recomputed.py`; a test fails while that is missing.
"""
