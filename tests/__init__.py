"""Tests of clinq; the folders mirror the packages."""
