"""What the product says of a federated job on a real pair of sites, of which neither sees the other."""
