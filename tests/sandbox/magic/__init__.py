"""Tests of the sandbox's slice magic."""
