"""Who is let in where, found out by asking at every door of the running site."""
