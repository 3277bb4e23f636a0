"""clinq beside other queues: the same job that does nothing, on the same machine and the same Redis, in one run."""
