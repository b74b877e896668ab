"""What `dev.py` runs: the virtual environment, embedded servers, and their supervisor."""
