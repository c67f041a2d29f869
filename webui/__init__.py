"""The harness's page in Locust's web UI: the live state of a run in, HTML and JSON out; what a run is, is elsewhere."""
