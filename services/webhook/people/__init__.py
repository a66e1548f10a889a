"""Who a webhook speaks of, as keyed indexes."""
