"""What a batch of 5,000 lines costs those who wait for an answer."""
