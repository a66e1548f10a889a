"""Tests of the sandbox's slice scenarios."""
