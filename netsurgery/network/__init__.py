"""What a network is: its graph, shapes, cost, and what is wrong with it."""
