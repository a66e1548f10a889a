"""Tests of the sandbox's slice sends."""
