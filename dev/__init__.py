"""Tools of this project's developers: the demo, local servers, checks and comparisons. Not part of the distribution."""
