"""What streams cost, and whether the machine has room for one more."""
