"""Tests of the sandbox's slice numbers."""
