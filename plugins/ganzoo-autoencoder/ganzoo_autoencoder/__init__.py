"""GANs with an encoder, as plugins of ganzoo."""
