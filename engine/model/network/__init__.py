"""The network itself: item vectors, blocks, and the next-item state."""
