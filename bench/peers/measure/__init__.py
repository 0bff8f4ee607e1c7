"""What Prana and its peers cost, side by side on one machine. `bench/peers/run` is the way in."""
