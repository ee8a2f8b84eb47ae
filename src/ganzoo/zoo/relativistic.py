"""Relativistic: is real more real than fake? (Jolicoeur-Martineau, 2018, arXiv:1807.00734)."""

from ganzoo.recipe import Part, Recipe

RECIPE = Recipe(
    generator=Part("dcgan", bn_momentum=0.1, bn_eps=1e-5),
    discriminator=Part("dcgan"),
    loss=Part("relativistic", form="pairs"),
    d_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    g_optimizer=Part("adam", lr=2e-4, betas=(0.5, 0.999)),
    latent=128,
    batch=64,
    epochs=100,
    callback=(Part("health"), Part("curves"), Part("samples", every_epochs=1, count=64)),
    paper="Jolicoeur-Martineau, 2018, arXiv:1807.00734",
)

AVERAGE = RECIPE.set("loss.form", "average")
