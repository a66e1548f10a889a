"""The processes of Vestnik, one folder per service."""
