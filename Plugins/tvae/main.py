# SPDX-License-Identifier: Apache-2.0
"""A variational autoencoder for tables: TVAE, written from its paper.

Xu, Skoularidou, Cuesta-Infante and Veeramachaneni, *Modeling Tabular Data using Conditional GAN*, NeurIPS 2019, section 4.4: a
row is encoded to a normal distribution over a latent space and decoded to categorical distributions of its codes and
normal distributions of its scalars, by maximising the evidence lower bound (Kingma and Welling, 2014).

Beyond the paper, new rows are drawn from the posterior of the training rows as it came out, a mixture of normal
distributions, rather than from the standard normal it was to be: what lies between the two is where no row was ever decoded
from (Ghosh et al., *From Variational to Deterministic Autoencoders*, 2020). `prior: normal` is the paper's.
"""

import torch
from torch import nn
from torch.nn import functional

import admix_plugin
import tabular
from admix_plugin import Error

COMPONENTS = 30


class Encoder(nn.Module):
    def __init__(self, inputs, width, latent):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.center, self.spread = nn.Linear(width, latent), nn.Linear(width, latent)

    def forward(self, x):
        inner = self.body(x)
        return self.center(inner), self.spread(inner).clamp(-12, 8)


class Decoder(nn.Module):
    def __init__(self, latent, width, codes, scalars):
        super().__init__()
        self.codes = codes
        self.body = nn.Sequential(nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.head = nn.Linear(width, codes + scalars)
        # How far scalars are from what is decoded.
        self.sigma = nn.Parameter(torch.full((scalars,), 0.1))

    def forward(self, z):
        out = self.head(self.body(z))
        return out[:, :self.codes], torch.tanh(out[:, self.codes:])


def fit(table, schema, parameters, seed, session):
    if table.num_rows < 20:
        raise Error("DATA", "there are fewer than 20 rows to learn from")
    device = tabular.device(parameters, session)
    coding = tabular.Coding.learned(table, schema, session, seed, isMixture=True)
    codes, scalars = coding.encode(table, seed)
    learned, kept = tabular.split(len(codes), seed)
    slices, latent = coding.slices(), parameters["latent"]
    isScaled = coding.isScaled(codes)
    rows = torch.cat([coding.oneHot(codes), scalars[:, coding.scaled]], dim=1)
    rows, codes, isScaled = rows.to(device), codes.to(device), isScaled.to(device)

    torch.manual_seed(admix_plugin.derived(seed, "weights"))
    width = sum(coding.widths)
    encoder = Encoder(rows.shape[1], parameters["width"], latent).to(device)
    decoder = Decoder(latent, parameters["width"], width, len(coding.scaled)).to(device)
    both = nn.ModuleDict({"encoder": encoder, "decoder": decoder})
    mean = tabular.Averaged(both).to(device)
    optimiser = torch.optim.Adam(both.parameters(), parameters["learning_rate"], weight_decay=1e-5)

    def bound(some, model):
        """The negative evidence lower bound of some rows, with the reconstruction counted twice as in the paper's code."""
        center, spread = model["encoder"](rows[some])
        logits, alphas = model["decoder"](center + torch.randn_like(center) * torch.exp(spread / 2))
        loss = sum(
            functional.cross_entropy(logits[:, one], codes[some, place], reduction="sum")
            for place, one in enumerate(slices))
        sigma = model["decoder"].sigma.clamp(0.01, 1)
        apart = (rows[some][:, width:] - alphas) / sigma
        loss = loss + ((apart**2 / 2 + torch.log(sigma)) * isScaled[some]).sum()
        divergence = -(1 + spread - center**2 - spread.exp()).sum() / 2
        return (parameters["weight"] * loss + divergence) / len(some)

    batch = min(parameters["batch"], len(learned))

    def epoch():
        order = learned[torch.randperm(len(learned))].to(device)
        for start in range(0, len(order) - batch + 1, batch):
            session.check()
            optimiser.zero_grad()
            bound(order[start:start + batch], both).backward()
            optimiser.step()
            mean.follow(both)

    def score():
        return float(bound(kept.to(device), mean.module)) if len(kept) else 0.0

    state = tabular.train(
        {"model": mean, "both": both, "optimiser": optimiser}, epoch, score,
        epochs=parameters["epochs"], patience=parameters["patience"], seed=seed, session=session)
    mean.load_state_dict(state)
    kept_state = {name: value for name, value in mean.module["decoder"].state_dict().items()}
    kept_state.update(prior(mean.module["encoder"], rows[learned.to(device)], parameters, seed, latent))
    return tabular.packed(coding, kept_state, latent=latent, width=parameters["width"])


@torch.no_grad()
def prior(encoder, rows, parameters, seed, latent):
    """Where to draw from: the standard normal, or the mixture that latent points of the training rows form."""
    import warnings

    from sklearn.mixture import GaussianMixture

    if parameters["prior"] == "normal":
        return {"prior.weights": torch.ones(1), "prior.means": torch.zeros(1, latent),
                "prior.factors": torch.eye(latent)[None]}
    torch.manual_seed(admix_plugin.derived(seed, "prior"))
    some = rows[torch.randperm(len(rows))[:30_000].to(rows.device)]
    center, spread = encoder(some)
    points = (center + torch.randn_like(center) * torch.exp(spread / 2)).cpu().double().numpy()
    count = max(1, min(COMPONENTS, len(points) // (2 * latent)))
    mixture = GaussianMixture(
        count, reg_covar=1e-4, max_iter=60, random_state=admix_plugin.derived(seed, "mixture"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A mixture that has not settled is still a mixture.
        mixture.fit(points)
    return {
        "prior.weights": torch.tensor(mixture.weights_), "prior.means": torch.tensor(mixture.means_),
        "prior.factors": torch.linalg.cholesky(torch.tensor(mixture.covariances_)),
    }


known = {}


def restored(model, device):
    """The decoder and the prior of a model, made once however often rows are asked of it."""
    if id(model) not in known:
        coding, state, facts = tabular.unpacked(model)
        decoder = Decoder(facts["latent"], facts["width"], sum(coding.widths), len(coding.scaled))
        decoder.load_state_dict({name: value for name, value in state.items() if not name.startswith("prior.")})
        start = [state["prior." + name].to(device) for name in ("weights", "means", "factors")]
        known[id(model)] = (model, coding, decoder.eval().to(device), start)
    return known[id(model)][1:]


def sample(model, schema, parameters, seed, rows, session):
    device = tabular.device(parameters, session)
    coding, decoder, (weights, means, factors) = restored(model, device)
    slices = coding.slices()

    def block(count):
        which = torch.multinomial(weights, count, replacement=True)
        noise = torch.randn(count, means.shape[1], device=device)
        logits, alphas = decoder(means[which] + torch.einsum("rij,rj->ri", factors[which], noise))
        codes = torch.stack(
            [torch.multinomial(functional.softmax(logits[:, one], dim=1), 1)[:, 0] for one in slices], dim=1)
        scalars = torch.zeros(count, len(coding.fields), device=device)
        scalars[:, coding.scaled] = (alphas + torch.randn_like(alphas) * decoder.sigma.clamp(0.01, 1)).clamp(-1, 1)
        return codes, scalars

    return tabular.sampled(rows, seed, coding, block, session)


if __name__ == "__main__":
    admix_plugin.run(fit=fit, sample=sample)
