"""DRAGAN: log loss, gradients of length one near the data (Kodali et al., 2017, arXiv:1705.07215)."""

from ganzoo.recipe import Part, Recipe

RECIPE = Recipe(
    generator=Part("dcgan", bn_momentum=0.1, bn_eps=1e-5),
    discriminator=Part("dcgan"),
    loss=Part("paper"),
    penalty=(Part("dragan", weight=10.0),),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    latent=100,
    batch=64,
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Kodali et al., 2017, arXiv:1705.07215",
)
