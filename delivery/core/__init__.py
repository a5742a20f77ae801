"""What should happen? Pure functions over frozen data; standard library only."""
