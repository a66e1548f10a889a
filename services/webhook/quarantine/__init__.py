"""What has no tenant, kept sealed until it has one."""
