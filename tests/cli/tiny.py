"""Settings under which a job takes a second."""

TINY = [
    "trainer.epochs=2", "trainer.batches_per_epoch=3", "trainer.batch_size=8", "trainer.validation_trials=20",
    "trainer.learned=null", "trainer.gate=null", "representation.trials=20",
]  # fmt: skip
DSA = ["metric.dsa.rank=6", "metric.dsa.n_delays=3", "metric.dsa.starts=12"]
