"""Reports for people: one HTML page that needs nothing else, and the plots in it as PNG."""

from forescale.ui.report.backtest import write_backtest
from forescale.ui.report.comparison import write_comparison
from forescale.ui.report.page import require_drawing

__all__ = ["require_drawing", "write_backtest", "write_comparison"]
