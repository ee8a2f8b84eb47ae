"""SAGAN: self-attention, and spectral norm in both networks (Zhang et al., 2018, arXiv:1805.08318)."""

from ganzoo.recipe import Part, Recipe

RECIPE = Recipe(
    generator=Part("projection-gan", attention=True, spectral_norm=True),
    discriminator=Part("projection-gan", attention=True),
    loss=Part("hinge"),
    constraint=(Part("spectral-norm"),),
    d_optimizer=Part("adam", lr=4e-4, betas=(0.0, 0.9)),
    g_optimizer=Part("adam", lr=1e-4, betas=(0.0, 0.9)),
    latent=128,
    batch=64,
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=100)),
    paper="Zhang et al., 2018, arXiv:1805.08318",
)
