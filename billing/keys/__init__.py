"""Consumer keys as staff manage them: issued here, checked and charged here, acted upon."""
