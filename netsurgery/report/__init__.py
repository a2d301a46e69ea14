"""What was found and done, for people: text, JSON and HTML."""
