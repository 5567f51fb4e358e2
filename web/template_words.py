"""What templates may say: the filters for figures, times and rules."""

from __future__ import annotations

from flask import Flask
from jinja2 import StrictUndefined

from web.formats import FILTERS
from web.rule_words import rule_title, rule_value


def install_template_words(app: Flask) -> None:
    """Give the templates their filters; a name that is not known is an error and never an empty place."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.filters.update(rule_title=rule_title, rule_value=rule_value)
