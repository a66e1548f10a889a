"""The record of every message request the sandbox received."""
