# SPDX-License-Identifier: Apache-2.0
"""A diffusion model for tables of mixed types, after TabDDPM.

Kotelnikov, Baranchuk, Rubachev and Babenko, *TabDDPM: Modelling Tabular Data with Diffusion Models*, ICML 2023: normal scores of
numbers are noised by Gaussian diffusion (Ho, Jain and Abbeel, 2020), codes by multinomial diffusion (Hoogeboom et al., 2021),
and one network undoes both. The schedule is the cosine of Nichol and Dhariwal (2021). The network says what the codes were,
and the noise in the scalars; rows are made in fewer steps than it learned in, by the posterior between any two of them.
"""

import math

import torch
from torch import nn
from torch.nn import functional

import admix_plugin
import tabular
from admix_plugin import Error

TIMES = 1000


def signal():
    """How much of the signal is left at each time: alpha bar, from 1 at time 0 to nearly 0."""
    time = torch.linspace(0, 1, TIMES + 1, dtype=torch.double)
    left = torch.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2
    return (left / left[0]).clamp(1e-5, 1).float()


class Denoiser(nn.Module):
    def __init__(self, codes, scalars, width, depth):
        super().__init__()
        self.codes, self.width = codes, width
        self.enter = nn.Linear(codes + scalars, width)
        self.time = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
        self.body = nn.ModuleList([
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(depth)])
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, codes + scalars))

    def forward(self, x, time):
        scales = torch.exp(-math.log(10_000) * torch.arange(64, device=x.device) / 64)
        angles = time.float()[:, None] * scales
        inner = self.enter(x) + self.time(torch.cat([angles.sin(), angles.cos()], dim=1))
        for block in self.body:
            inner = inner + block(inner)
        out = self.leave(inner)
        return out[:, :self.codes], out[:, self.codes:]


def drawn(shares):
    """A code for each row of shares, however they are scaled."""
    return (shares.clamp_min(1e-30).log() - torch.log(-torch.log(torch.rand_like(shares).clamp(1e-9, 1 - 1e-9)))).argmax(1)


def noised(coding, codes, left):
    """Codes that are still themselves with the probability `left`, and else any."""
    out = []
    for place, width in enumerate(coding.widths):
        isKept = torch.rand(len(codes), device=codes.device) < left
        out.append(torch.where(isKept, codes[:, place], torch.randint(width, (len(codes),), device=codes.device)))
    return torch.stack(out, dim=1)


def fit(table, schema, parameters, seed, session):
    if table.num_rows < 20:
        raise Error("DATA", "there are fewer than 20 rows to learn from")
    device = tabular.device(parameters, session)
    coding = tabular.Coding.learned(table, schema, session, seed, isMixture=False)
    codes, scalars = coding.encode(table, seed)
    learned, kept = tabular.split(len(codes), seed)
    codes, scalars = codes.to(device), scalars[:, coding.scaled].to(device)
    slices, left = coding.slices(), signal().to(device)

    torch.manual_seed(admix_plugin.derived(seed, "weights"))
    network = Denoiser(sum(coding.widths), len(coding.scaled), parameters["width"], parameters["depth"]).to(device)
    mean = tabular.Averaged(network).to(device)
    optimiser = torch.optim.AdamW(network.parameters(), parameters["learning_rate"], weight_decay=1e-4)
    # The rate falls to nothing over the training, as a cosine.
    batch = min(parameters["batch"], len(learned))
    steps = max(1, len(learned) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, parameters["epochs"] * steps)

    def loss(some, model):
        time = torch.randint(1, TIMES + 1, (len(some),), device=device)
        share = left[time]
        noise = torch.randn_like(scalars[some])
        # Where a scalar says nothing it is 0, and learned as such: one that could be anything when rows are made would
        # mislead about the codes.
        noisy = share.sqrt()[:, None] * scalars[some] + (1 - share).sqrt()[:, None] * noise
        changed = noised(coding, codes[some], share)
        logits, told = model(torch.cat([coding.oneHot(changed), noisy], dim=1), time)
        total = sum(
            functional.cross_entropy(logits[:, one], codes[some, place]) for place, one in enumerate(slices))
        return total + ((told - noise) ** 2).sum() / len(some)

    def epoch():
        order = learned[torch.randperm(len(learned))].to(device)
        for step in range(steps):
            session.check()
            optimiser.zero_grad()
            loss(order[step * batch:(step + 1) * batch], network).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            mean.follow(network)

    def score():
        # The same noise each time, and enough of it to tell states apart.
        return float(sum(loss(kept.to(device), mean.module) for _ in range(8))) / 8 if len(kept) else 0.0

    state = tabular.train(
        {"model": mean, "network": network, "optimiser": optimiser, "schedule": schedule}, epoch, score,
        epochs=parameters["epochs"], patience=parameters["patience"], seed=seed, session=session)
    return tabular.packed(
        coding, {name.removeprefix("module."): value for name, value in state.items() if name != "steps"},
        width=parameters["width"], depth=parameters["depth"])


known = {}


def restored(model, device):
    """The network of a model, made once however often rows are asked of it."""
    if id(model) not in known:
        coding, state, facts = tabular.unpacked(model)
        network = Denoiser(sum(coding.widths), len(coding.scaled), facts["width"], facts["depth"])
        network.load_state_dict(state)
        known[id(model)] = (model, coding, network.eval().to(device))
    return known[id(model)][1:]


def sample(model, schema, parameters, seed, rows, session):
    device = tabular.device(parameters, session)
    coding, network = restored(model, device)
    left, widths, slices = signal().to(device), coding.widths, coding.slices()
    times = torch.linspace(TIMES, 0, parameters["steps"] + 1).round().long().tolist()

    def block(count):
        codes = torch.stack([torch.randint(width, (count,), device=device) for width in widths], dim=1)
        scalars = torch.randn(count, len(coding.scaled), device=device)
        for now, then in zip(times, times[1:]):
            session.check()
            logits, noise = network(
                torch.cat([coding.oneHot(codes), scalars], dim=1), torch.full((count,), now, device=device))
            # From `now` to `then`, over any number of times at once.
            between = left[now] / left[then]
            origin = ((scalars - (1 - left[now]).sqrt() * noise) / left[now].sqrt()).clamp(-4, 4)
            spread = ((1 - left[then]) / (1 - left[now]) * (1 - between)).sqrt()
            scalars = (
                left[then].sqrt() * (1 - between) / (1 - left[now]) * origin
                + between.sqrt() * (1 - left[then]) / (1 - left[now]) * scalars
                + spread * torch.randn_like(scalars))
            changed = []
            for place, (one, width) in enumerate(zip(slices, widths)):
                told = functional.softmax(logits[:, one], dim=1)
                here = functional.one_hot(codes[:, place], width).float()
                # The posterior is that of each possible origin, weighed by how likely that origin is: its own evidence
                # is divided out, or the codes of now would count twice, and shares would drift to equal ones.
                origins = told / (left[now] * here + (1 - left[now]) / width)
                forward = between * here + (1 - between) / width
                backward = left[then] * origins + (1 - left[then]) / width * origins.sum(dim=1, keepdim=True)
                changed.append(drawn(forward * backward))
            codes = torch.stack(changed, dim=1)
        out = torch.zeros(count, len(coding.fields), device=device)
        out[:, coding.scaled] = scalars
        return codes, out

    return tabular.sampled(rows, seed, coding, block, session)


if __name__ == "__main__":
    admix_plugin.run(fit=fit, sample=sample)
