"""Tests of the sandbox's slice limits."""
