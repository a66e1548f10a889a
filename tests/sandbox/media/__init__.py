"""Tests of the sandbox's slice media."""
