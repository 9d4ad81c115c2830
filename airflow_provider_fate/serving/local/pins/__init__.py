"""What the environments of local servers are made of."""
