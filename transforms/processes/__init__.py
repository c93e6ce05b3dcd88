"""Share scenes among several processes of one machine, and survive the death of one of them."""
