"""Augmentations: random changes to all samples, real and generated, that the discriminator sees."""
