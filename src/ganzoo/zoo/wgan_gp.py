"""WGAN-GP: gradients of length one, no clipping (Gulrajani et al., 2017, arXiv:1704.00028)."""

from ganzoo.recipe import Part, Recipe

RECIPE = Recipe(
    generator=Part("vanilla-bn", bn_eps=1e-5),
    discriminator=Part("vanilla-bn"),
    loss=Part("wasserstein"),
    penalty=(Part("wgan-gp", weight=10.0),),
    d_optimizer=Part("adam", lr=1e-4, betas=(0.0, 0.9)),
    g_optimizer=Part("adam", lr=1e-4, betas=(0.0, 0.9)),
    game=Part("standard", g_every=5),
    latent=128,
    batch=64,
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Gulrajani et al., 2017, arXiv:1704.00028",
)
