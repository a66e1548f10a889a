"""Tests of the sandbox's slice scripts."""
