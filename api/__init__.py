"""The gateway: it validates, writes, enqueues and answers; it never runs inference."""
