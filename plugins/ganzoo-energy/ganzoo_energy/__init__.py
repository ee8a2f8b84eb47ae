"""GANs whose discriminator is an autoencoder, as a plugin of ganzoo."""
