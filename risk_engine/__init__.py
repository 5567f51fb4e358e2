"""The gate: one decision per account."""

from risk_engine.prop_risk_engine import evaluate_risk

__all__ = ["evaluate_risk"]
