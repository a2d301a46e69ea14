"""Arrays in, arrays out: factorisations and the numbers that choose their ranks."""
