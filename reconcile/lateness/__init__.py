"""When things happened against the outages: the failure window of lost events, and events that came late."""
