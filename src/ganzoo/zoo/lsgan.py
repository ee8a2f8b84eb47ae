"""LSGAN: squared errors instead of logarithms (Mao et al., 2016, arXiv:1611.04076)."""

from ganzoo.recipe import Part, Recipe

RECIPE = Recipe(
    generator=Part("dcgan", bn_momentum=0.1, bn_eps=1e-5),
    discriminator=Part("dcgan"),
    loss=Part("least-squares", fake_label=0.0, real_label=1.0, generator_label=1.0),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    latent=1024,
    batch=64,
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Mao et al., 2016, arXiv:1611.04076",
)
