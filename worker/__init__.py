"""The inference workers: they claim jobs from the ledger, run the stages and write the answers."""
