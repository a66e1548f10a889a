"""Tests of the sandbox's slice people."""
