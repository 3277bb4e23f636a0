"""Deterioration: the risk of critical illness from days of bedside measurements."""
