"""PacGAN: D judges two samples at once, to see variety (Lin et al., 2017, arXiv:1712.04086)."""

from ganzoo.recipe import Part, Recipe

RECIPE = Recipe(
    generator=Part("dcgan", bn_momentum=0.1, bn_eps=1e-5),
    discriminator=Part("dcgan"),
    loss=Part("bce"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    game=Part("standard", pack=2),
    latent=100,
    latent_distribution="uniform",
    batch=64,
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Lin et al., 2017, arXiv:1712.04086",
)
