"""A thin face over the engine: pages that read runs, and the `tailscope` command."""
