"""The hands: claims jobs, runs them three at a time in one batch, writes them down."""
