"""A small study, and the plugin that it takes its recipe from."""

SOURCE = """
from ganzoo.losses import BCE
from ganzoo.recipe import Part, Recipe

RECIPE = Recipe(
    generator=Part("gaussian", width=4), discriminator=Part("gaussian", width=4), loss=Part("bce"),
    d_optimizer=Part("adam", lr=1e-3), g_optimizer=Part("adam", lr=1e-3),
    dataset=Part("gaussian", size=35), latent=3, batch=10, steps=8, record_every_steps=1, callback=(),
)


class Fails:
    probability = True

    def __init__(self):
        self.inner, self.calls = BCE(), 0

    def discriminator(self, real, fake):
        self.calls += len(real) > 2  # the checks before a run take two
        if self.calls == 5:
            raise RuntimeError("the fifth step is too much")
        return self.inner.discriminator(real, fake)

    def generator(self, fake):
        return self.inner.generator(fake)
"""
ENTRY_POINTS = {
    "recipes": {"tiny": "tiny_gan:RECIPE"},
    "losses": {"fails": "tiny_gan:Fails"},
}
STUDY = """
name = "tiny"
metrics = ["kl-histogram"]
samples = 15

[run]
recipe = "tiny"

[grid]
loss = ["bce", "hinge"]
seed = [0, 1]
"""
