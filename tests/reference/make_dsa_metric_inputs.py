"""Make dsa_metric_inputs.npz: what dsa-metric 2.0.2 identifies of driven systems that are seen in part.

Run it where that package is installed: python tests/reference/make_dsa_metric_inputs.py
"""

from pathlib import Path

import numpy as np
from DSA.subspace_dmdc import SubspaceDMDc

WINDOW, RANK, POWERS = 4, 6, 4


def systems() -> tuple[np.ndarray, np.ndarray]:
    """Return states (systems, trials, time, units) and inputs of three noisy linear systems, half of each unseen."""
    states, inputs = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        q, _ = np.linalg.qr(rng.normal(size=(6, 6)))
        a, b, seen = 0.9 * q, rng.normal(size=(6, 2)), rng.normal(size=(3, 6))
        u = rng.normal(size=(15, 50, 2)).cumsum(axis=1) / 5
        x, made = rng.normal(size=(15, 6)), []
        for t in range(50):
            x = x @ a.T + u[:, t] @ b.T + 0.3 * rng.normal(size=x.shape)
            made.append(x @ seen.T)
        recorded = np.stack(made, axis=1)
        states.append(recorded - recorded.mean((0, 1)))
        inputs.append(u - u.mean((0, 1)))
    return np.stack(states), np.stack(inputs)


def shifted(inputs: np.ndarray) -> np.ndarray:
    """Return inputs (trials, time, channels) as the package takes them: each acts from its own time step on."""
    return np.concatenate([inputs[:, 1:], np.zeros_like(inputs[:, :1])], axis=1)


def main() -> None:
    """Identify, and save what no change of coordinates touches."""
    states, inputs = systems()
    eigenvalues, responses = [], []
    for x, u in zip(states, inputs, strict=True):
        fit = SubspaceDMDc(x, shifted(u), n_delays=WINDOW, rank=RANK, lamb=0.0)
        fit.fit()
        eigenvalues.append(np.sort_complex(np.linalg.eigvals(fit.A_v)))
        responses.append([fit.C_v @ np.linalg.matrix_power(fit.A_v, k) @ fit.B_v for k in range(POWERS)])
    np.savez_compressed(
        Path(__file__).with_name("dsa_metric_inputs.npz"),
        states=states,
        inputs=inputs,
        eigenvalues=np.array(eigenvalues),
        responses=np.array(responses),
    )


if __name__ == "__main__":
    main()
