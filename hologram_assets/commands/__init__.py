"""The commands of `hologram-assets`: one module each, wired together in `cli`."""
