"""Who of the staff is let in, and as what."""
