"""Reinforcement learning: stable-baselines3's policies and critics on states of a pole that falls."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from survey.models import Batch, add
from survey.tasks import digits, generator

Build = Callable[[], nn.Module]


def spaces(states: int, actions: int | None) -> tuple[Any, Any]:
    """Of a state of real numbers and of discrete actions, or of two real ones."""
    box = import_module("gymnasium").spaces
    seen = box.Box(-10, 10, (states,))
    return seen, box.Discrete(actions) if actions else box.Box(-1, 1, (2,))


class Actor(nn.Module):
    """Values, log probabilities and entropy of given actions."""

    def __init__(self, policy: nn.Module) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, states: Tensor, actions: Tensor) -> tuple[Tensor, ...]:
        return self.policy.evaluate_actions(states, actions)


def proximal(kind: str, **options: Any) -> Build:
    """PPO's and A2C's policy."""

    def build() -> nn.Module:
        if kind == "CNN":
            box = import_module("gymnasium").spaces
            seen, acted = box.Box(0, 1, (3, 36, 36)), box.Discrete(4)
            return Actor(import_module("stable_baselines3.common.policies").ActorCriticCnnPolicy(
                seen, acted, lambda _: 3e-4, normalize_images=False))  # fmt: skip
        seen, acted = spaces(4, 4 if kind == "discrete" else None)
        return Actor(
            import_module("stable_baselines3.common.policies").ActorCriticPolicy(
                seen, acted, lambda _: 3e-4, **options
            )
        )

    return build


def advantage(real: bool) -> Callable[[int], Batch]:
    """Returns that are a function of the state, advantages at random."""

    def task(seed: int) -> Batch:
        source = generator(seed)
        states = torch.randn(64, 4, generator=source)
        actions = torch.randn(64, 2, generator=source) if real else torch.randint(4, (64,), generator=source)
        wanted = torch.sin(states.sum(1)) * 2**0.5
        weights = torch.where(actions.view(64, -1)[:, 0] > 1, states[:, 0], -states[:, 0])

        def loss(output: tuple[Tensor, ...]) -> Tensor:
            values, log_prob, entropy = output
            return (
                functional.mse_loss(values.flatten(), wanted)
                - (weights * log_prob).mean()
                - 0.01 * entropy.mean()
            )

        return (states, actions), loss

    return task


add(
    "stable-baselines3",
    {"PPO": proximal("discrete"), "PPO-relu": proximal("discrete", activation_fn=nn.ReLU)},
    advantage(False),
)
add(
    "stable-baselines3",
    {"PPO-real": proximal("real"), "PPO-sde": proximal("real", use_sde=True)},
    advantage(True),
)


def pictures(seed: int) -> Batch:
    given, labels = digits(36, 8, seed)
    actions = labels % 4
    wanted = (labels - 4.5) / 2.9

    def loss(output: tuple[Tensor, ...]) -> Tensor:
        return (
            functional.mse_loss(output[0].flatten(), wanted)
            - 0.1 * output[1].mean()
            - 0.01 * output[2].mean()
        )

    return (given, actions), loss


add("stable-baselines3", {"PPO-CNN": proximal("CNN")}, pictures)


class Twin(nn.Module):
    """DQN's network and its target, a copy of it."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = import_module("stable_baselines3.dqn.policies").DQNPolicy(*spaces(4, 4), lambda _: 1e-4)

    def forward(self, states: Tensor, following: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            ahead = self.policy.q_net_target(following).max(1).values
        return self.policy.q_net(states), ahead


def bellman(seed: int) -> Batch:
    source = generator(seed)
    states = torch.randn(64, 4, generator=source)
    following = 0.9 * states + 0.3 * torch.randn(64, 4, generator=source)
    actions = torch.randint(4, (64, 1), generator=source)
    reward = torch.sin(states.sum(1)) * 2**0.5

    def loss(output: tuple[Tensor, Tensor]) -> Tensor:
        return functional.mse_loss(output[0].gather(1, actions)[:, 0], reward + 0.9 * output[1])

    return (states, following), loss


add("stable-baselines3", {"DQN": Twin}, bellman)


class Soft(nn.Module):
    """SAC's actor, critic and target."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = import_module("stable_baselines3.sac.policies").SACPolicy(
            *spaces(4, None), lambda _: 3e-4
        )

    def forward(self, states: Tensor, actions: Tensor) -> tuple[Tensor, ...]:
        own, log_prob = self.policy.actor.action_log_prob(states)
        with torch.no_grad():
            ahead = torch.cat(self.policy.critic_target(states, own), 1).min(1).values
        both = torch.cat(self.policy.critic(states, actions), 1)
        return both, ahead, log_prob


def soft(seed: int) -> Batch:
    source = generator(seed)
    states, actions = torch.randn(64, 4, generator=source), torch.rand(64, 2, generator=source) * 2 - 1
    reward = torch.sin(states.sum(1) + actions[:, 0])

    def loss(output: tuple[Tensor, ...]) -> Tensor:
        return (
            functional.mse_loss(output[0], (reward + 0.9 * output[1])[:, None].expand(-1, 2))
            + 0.1 * output[2].mean()
        )

    return (states, actions), loss


add("stable-baselines3", {"SAC": Soft}, soft)
