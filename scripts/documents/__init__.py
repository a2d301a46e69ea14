"""What of docs/ is made from the code: the pages of reference, the output that is shown."""
