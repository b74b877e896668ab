"""How fast the portal is, as ratios measured in one run: ours beside bare SQL on the same data."""
