"""The `tailscope` command: `main` has the commands, a file each what several of them share or what one needs most."""
