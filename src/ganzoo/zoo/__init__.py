"""The zoo: one GAN, one file, its networks and its recipe."""
