# SPDX-License-Identifier: Apache-2.0
"""A conditional generative adversarial network for tables: CTGAN, written from its paper.

Xu, Skoularidou, Cuesta-Infante and Veeramachaneni, *Modeling Tabular Data using Conditional GAN*, NeurIPS 2019: one
column's value is asked of the generator at a time, drawn by the logarithm of its frequency, and the real rows it is held
against have that value (section 4.3). The loss is Wasserstein's with a gradient penalty (Gulrajani et al., 2017), the critic
looks at several rows at once (PacGAN; Lin et al., 2018). The rows are made by the running mean of the generator.
"""

import torch
from torch import nn
from torch.nn import functional

import admix_plugin
import tabular
from admix_plugin import Error

TEMPERATURE = 0.2
PENALTY = 10


class Residual(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.linear, self.normal = nn.Linear(width, out), nn.BatchNorm1d(out)

    def forward(self, x):
        return torch.cat([functional.relu(self.normal(self.linear(x))), x], dim=1)


class Generator(nn.Module):
    """Noise and a condition to logits of every code and, through tanh, scalars."""

    def __init__(self, noise, condition, width, codes, scalars):
        super().__init__()
        self.codes = codes
        inner = noise + condition
        self.body = nn.Sequential(Residual(inner, width), Residual(inner + width, width))
        self.head = nn.Linear(inner + 2 * width, codes + scalars)

    def forward(self, x):
        out = self.head(self.body(x))
        return out[:, :self.codes], torch.tanh(out[:, self.codes:])


class Critic(nn.Module):
    def __init__(self, width, pac, inner):
        super().__init__()
        self.pac = pac
        self.body = nn.Sequential(
            nn.Linear(width * pac, inner), nn.LeakyReLU(0.2), nn.Dropout(0.5),
            nn.Linear(inner, inner), nn.LeakyReLU(0.2), nn.Dropout(0.5), nn.Linear(inner, 1))

    def forward(self, x):
        return self.body(x.reshape(len(x) // self.pac, -1))


class Conditions:
    """Values that the generator is asked for, and real rows that have them."""

    def __init__(self, coding, codes):
        self.places = [place for place, field in enumerate(coding.fields) if not field.hasScalar and field.width > 1]
        self.starts, self.rows, self.shares, self.logs = [], [], [], []
        start = 0
        for place in self.places:
            width = coding.fields[place].width
            counts = torch.bincount(codes[:, place], minlength=width).double()
            self.shares.append(counts / counts.sum())
            logs = torch.log1p(counts)
            self.logs.append(logs / logs.sum())
            order = torch.argsort(codes[:, place], stable=True)
            self.rows.append((order, torch.cumsum(counts.long(), 0) - counts.long(), counts.long()))
            self.starts.append(start)
            start += width
        self.width = start

    def drawn(self, count, isTraining, device):
        """One-hot conditions, the fields they are about, and their codes; nil of them where no column has values."""
        vector = torch.zeros(count, self.width, device=device)
        if not self.places:
            return vector, None, None
        which = torch.randint(len(self.places), (count,))
        codes = torch.zeros(count, dtype=torch.long)
        for number in range(len(self.places)):
            rows = torch.nonzero(which == number)[:, 0]
            if len(rows):
                shares = (self.logs if isTraining else self.shares)[number]
                codes[rows] = torch.multinomial(shares, len(rows), replacement=True)
        vector[torch.arange(count), (torch.tensor(self.starts)[which] + codes).to(device)] = 1
        return vector, which, codes

    def matching(self, which, codes, count):
        """Row numbers of real rows that have those values, in another order than asked."""
        rows = torch.zeros(count, dtype=torch.long)
        for number, (order, starts, counts) in enumerate(self.rows):
            asked = torch.nonzero(which == number)[:, 0]
            wanted = codes[asked]
            offset = (torch.rand(len(asked), dtype=torch.double) * counts[wanted]).long().clamp(max=counts[wanted] - 1)
            rows[asked] = order[starts[wanted] + offset]
        return rows


def activated(logits, slices, temperature=TEMPERATURE):
    """Near one-hot vectors that gradients pass through (Jang, Gu and Poole, 2017)."""
    noise = -torch.log(-torch.log(torch.rand_like(logits).clamp(1e-9, 1 - 1e-9)))
    noisy = (logits + noise) / temperature
    return torch.cat([functional.softmax(noisy[:, one], dim=1) for one in slices], dim=1)


def made(generator, conditions, noise, count, slices, device):
    """Codes and scalars of new rows, conditions drawn by their own frequency."""
    vector, _, _ = conditions.drawn(count, False, device)
    logits, scalars = generator(torch.cat([torch.randn(count, noise, device=device), vector], dim=1))
    noisy = logits - torch.log(-torch.log(torch.rand_like(logits).clamp(1e-9, 1 - 1e-9))) * TEMPERATURE
    return torch.stack([noisy[:, one].argmax(dim=1) for one in slices], dim=1), scalars


def spread(scalars, coding):
    """Scalars at the places of their fields, 0 elsewhere."""
    out = torch.zeros(len(scalars), len(coding.fields), device=scalars.device)
    out[:, coding.scaled] = scalars
    return out


def fit(table, schema, parameters, seed, session):
    if table.num_rows < 20:
        raise Error("DATA", "there are fewer than 20 rows to learn from")
    device = tabular.device(parameters, session)
    coding = tabular.Coding.learned(table, schema, session, seed, isMixture=True)
    codes, scalars = coding.encode(table, seed)
    learned, kept = tabular.split(len(codes), seed)
    conditions = Conditions(coding, codes[learned])
    slices, pac, noise = coding.slices(), parameters["pac"], parameters["noise"]
    batch = max(pac, min(parameters["batch"], len(learned)) // pac * pac)

    torch.manual_seed(admix_plugin.derived(seed, "weights"))
    width = sum(coding.widths)
    generator = Generator(noise, conditions.width, parameters["width"], width, len(coding.scaled)).to(device)
    critic = Critic(width + len(coding.scaled) + conditions.width, pac, parameters["width"]).to(device)
    mean = tabular.Averaged(generator, decay=0.998).to(device)
    rate = parameters["learning_rate"]
    forGenerator = torch.optim.Adam(generator.parameters(), rate, betas=(0.5, 0.9), weight_decay=1e-6)
    forCritic = torch.optim.Adam(critic.parameters(), rate, betas=(0.5, 0.9), weight_decay=1e-6)
    real = torch.cat([coding.oneHot(codes[learned]), scalars[learned][:, coding.scaled]], dim=1).to(device)
    heldOut = (codes[kept].to(device), scalars[kept].to(device))

    def generated(vector):
        logits, alphas = generator(torch.cat([torch.randn(len(vector), noise, device=device), vector], dim=1))
        return logits, torch.cat([activated(logits, slices), alphas], dim=1)

    def criticise():
        vector, which, asked = conditions.drawn(batch, True, device)
        with torch.no_grad():
            _, fake = generated(vector)
        if which is None:
            rows, order = torch.randint(len(real), (batch,)), torch.arange(batch)
        else:
            # The real rows in an order of their own, with their conditions.
            order = torch.randperm(batch)
            rows = conditions.matching(which[order], asked[order], batch)
        fake = torch.cat([fake, vector], dim=1)
        true = torch.cat([real[rows.to(device)], vector[order.to(device)]], dim=1)
        between = torch.rand(batch // pac, 1, device=device).repeat_interleave(pac, dim=0)
        mixed = (between * true + (1 - between) * fake).requires_grad_()
        slopes = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)[0]
        penalty = ((slopes.reshape(batch // pac, -1).norm(dim=1) - 1) ** 2).mean() * PENALTY
        loss = critic(fake).mean() - critic(true).mean() + penalty
        forCritic.zero_grad()
        loss.backward()
        forCritic.step()

    def epoch():
        for _ in range(max(1, len(real) // batch)):
            session.check()
            criticise()
            vector, which, _ = conditions.drawn(batch, True, device)
            logits, fake = generated(vector)
            loss = -critic(torch.cat([fake, vector], dim=1)).mean()
            if which is not None:
                # What was asked for has to be in the row.
                shares = torch.cat(
                    [functional.log_softmax(logits[:, slices[place]], dim=1) for place in conditions.places], dim=1)
                loss = loss - (shares * vector).sum(dim=1).mean()
            forGenerator.zero_grad()
            loss.backward()
            forGenerator.step()
            mean.follow(generator)

    def score():
        if not len(kept):
            return 0.0
        some = made(mean.module, conditions, noise, min(5_000, max(1_000, len(kept))), slices, device)
        return tabular.distance(coding, (some[0], spread(some[1], coding)), heldOut)

    state = tabular.train(
        {"model": mean, "generator": generator, "critic": critic, "for_generator": forGenerator,
         "for_critic": forCritic},
        epoch, score, epochs=parameters["epochs"], patience=parameters["patience"], seed=seed, session=session)
    return tabular.packed(
        coding, {name: value for name, value in state.items() if name != "steps"},
        noise=noise, width=parameters["width"], places=conditions.places,
        shares=[shares.tolist() for shares in conditions.shares])


known = {}


def restored(model, device):
    """The generator of a model, made once however often rows are asked of it."""
    if id(model) not in known:
        coding, state, facts = tabular.unpacked(model)
        widths = coding.widths
        condition = sum(widths[place] for place in facts["places"])
        generator = Generator(facts["noise"], condition, facts["width"], sum(widths), len(coding.scaled))
        generator.load_state_dict({
            name.removeprefix("module."): value if "num_batches" not in name else value.long()
            for name, value in state.items()})
        known[id(model)] = (model, coding, generator.eval().to(device), facts)
    return known[id(model)][1:]


def sample(model, schema, parameters, seed, rows, session):
    device = tabular.device(parameters, session)
    coding, generator, facts = restored(model, device)
    conditions = Conditions.__new__(Conditions)
    conditions.places = facts["places"]
    conditions.shares = [torch.tensor(shares, dtype=torch.double) for shares in facts["shares"]]
    widths = [coding.fields[place].width for place in conditions.places]
    conditions.starts = [sum(widths[:number]) for number in range(len(widths))]
    conditions.width = sum(widths)

    def block(count):
        codes, scalars = made(generator, conditions, facts["noise"], count, coding.slices(), device)
        return codes, spread(scalars, coding)

    return tabular.sampled(rows, seed, coding, block, session)


if __name__ == "__main__":
    admix_plugin.run(fit=fit, sample=sample)
