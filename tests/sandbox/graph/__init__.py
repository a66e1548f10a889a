"""Tests of the sandbox's slice graph."""
