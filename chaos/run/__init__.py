"""One run from preflight to drain: plan, conductor, fault injector, recording; knows no kind of stack or target."""
