"""An independent recomputation of every figure. Imports the standard library and itself only."""
