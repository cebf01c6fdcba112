"""The network itself: item vectors, blocks, and what reads the next item out of them."""
