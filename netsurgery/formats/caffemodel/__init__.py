"""Binary weights: a scanner that maps what it finds, and a writer."""
