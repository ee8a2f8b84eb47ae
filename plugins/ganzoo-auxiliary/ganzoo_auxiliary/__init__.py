"""GANs that learn classes and codes beside real and fake, as a plugin of ganzoo."""
