"""Guards, ruling and judgement of a run. Pure: the same history gives the same judgement."""
