"""What the gateway and the workers share: the job, the case, the ledger, the broker, the settings."""
