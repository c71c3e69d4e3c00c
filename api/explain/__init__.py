"""Financial contexts and the words in which a model is asked about them."""
