"""Tests of the sandbox's slice phones."""
