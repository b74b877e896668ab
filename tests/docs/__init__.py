"""The papers say what is true: their snippets run, their tables agree with the code."""
