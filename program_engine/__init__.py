"""How large a trade may be."""

from program_engine.program_sizing_engine import ProgramSizingResult, calculate_program_sizing

__all__ = ["ProgramSizingResult", "calculate_program_sizing"]
