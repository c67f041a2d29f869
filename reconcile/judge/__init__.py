"""Guards, ruling and judgement of a run; pure. What reports say about them lives in `report/`."""
