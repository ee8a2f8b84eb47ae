"""Softmax GAN: one softmax over real and generated samples (Lin, 2017, arXiv:1704.06191)."""

from ganzoo.recipe import Part, Recipe

RECIPE = Recipe(
    generator=Part("vanilla-bn", bn_eps=1e-5),
    discriminator=Part("vanilla-bn"),
    loss=Part("softmax"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    latent=100,
    batch=64,
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Lin, 2017, arXiv:1704.06191",
)
