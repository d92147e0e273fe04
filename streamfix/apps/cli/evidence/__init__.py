"""`streamfix verify` and `streamfix report`: what is done with a record of evidence."""
