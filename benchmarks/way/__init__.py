"""What the way of a job costs: from the request to the answer, less the work itself."""
