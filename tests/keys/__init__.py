"""Keys as staff manage them."""
