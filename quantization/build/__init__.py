"""Makes artifacts: a recipe, full-precision weights in, a labelled model out."""
