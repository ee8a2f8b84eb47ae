"""WGAN: five turns of a critic with clipped weights (Arjovsky et al., 2017, arXiv:1701.07875)."""

from ganzoo.recipe import Part, Recipe

RECIPE = Recipe(
    generator=Part("vanilla-bn", bn_eps=1e-5),
    discriminator=Part("vanilla-bn"),
    loss=Part("wasserstein"),
    constraint=(Part("clip", limit=0.01),),
    d_optimizer=Part("rmsprop", lr=5e-5, decay=0.99, eps=1e-8),
    g_optimizer=Part("rmsprop", lr=5e-5, decay=0.99, eps=1e-8),
    game=Part("standard", g_every=5),
    latent=100,
    batch=64,
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Arjovsky et al., 2017, arXiv:1701.07875",
)
