"""WGAN-div: a Wasserstein divergence, no bound on gradients (Wu et al., 2017, arXiv:1712.01026)."""

from ganzoo.recipe import Part, Recipe

RECIPE = Recipe(
    generator=Part("vanilla-bn", bn_eps=1e-5),
    discriminator=Part("vanilla-bn"),
    loss=Part("wasserstein"),
    penalty=(Part("wgan-div", k=2.0, p=6.0),),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.0, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.0, 0.999)),
    game=Part("standard", g_every=5),
    latent=128,
    batch=64,
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Wu et al., 2017, arXiv:1712.01026",
)
