"""The analyses of an MCP payment gateway, by its own rules. One file each."""
