"""What this machine has of what going live needs."""

from __future__ import annotations

from typing import Any

from retake_flow.api import credentials
from retake_flow.errors import CredentialsError
from retake_flow.settings import Settings, inherited
from retake_flow.studio import programs


def diagnose(settings: Settings) -> dict[str, Any]:
    """Everything a person wants to know before going live, as plain data without secrets."""
    environment = inherited()
    missing, optional = programs.missing(environment), programs.missing(environment, required=False)
    account = _account(settings)
    return {
        "ready": not missing and account["ok"],
        "programs": [
            {
                "name": program.name,
                "purpose": program.purpose,
                "package": program.package,
                "required": program.required,
                "path": str(programs.found(program.name, environment) or "") or None,
            }
            for program in programs.PROGRAMS
        ],
        "install": programs.install_command(missing) if missing else None,
        "install_optional": programs.install_command(optional) if optional else None,
        "credentials": account,
        "platform": settings.origin,
        "state_folder": str(settings.state_folder),
    }


def _account(settings: Settings) -> dict[str, Any]:
    try:
        found = credentials.load(settings.credentials, settings.access_token)
    except CredentialsError as error:
        return {"ok": False, "message": f"{error.message}; {error.hint}" if error.hint else error.message}
    if found is None:
        return {"ok": True, "message": f"none yet in {settings.credentials}; the first run registers the agent"}
    source = "RETAKE_ACCESS_TOKEN" if found.from_environment else str(settings.credentials)
    return {"ok": True, "message": f"{found.agent_name or 'an agent without a known name'}, from {source}"}
