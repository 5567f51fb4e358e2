"""The doors of a web process for an application that has some of its routes."""

from __future__ import annotations

import logging

from flask import Flask

from config.settings import Settings
from database.connection import Database
from database.logins import LoginRecord
from web.doorkeeper import Doorkeeper
from web.routes import install_routes
from web.sessions import install_sessions


def install_doors(app: Flask, settings: Settings, database: Database, logger: logging.Logger) -> Doorkeeper:
    """Let in whom a web process with these settings would let in."""
    record = LoginRecord(database, idle=settings.session_idle, lifetime=settings.session_lifetime)
    keeper = Doorkeeper(settings, record)
    install_sessions(app, keeper)
    install_routes(app, logger)
    return keeper
