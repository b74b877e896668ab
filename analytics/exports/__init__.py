"""Facts and statistics as files by day, for warehouses."""
