"""What pages are built with: state and address, components, blocks of sheets."""
