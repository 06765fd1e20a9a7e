"""The whole product on sample leads, for real, in the terminal."""
