"""Files that tenants send and people sent: stored sealed, given to Meta and to their tenant only."""
