"""Tests of the webhook service."""
