"""Keep what a form contains when its session has expired: it is shown with the sign-in, and sent again after it."""

from __future__ import annotations

from flask import Response, make_response, render_template, request

from webconsole.security import access, tokens
from webconsole.security.tokens import Token

PREFIX = "kept_"
# where the form goes
PATH = "kept_path"
# never sent back to a browser, not even to the one that sent it
_SECRET_WORDS = ("password", "csrf_token")
# of a YAML file that was chosen in the form: the largest one that may be uploaded
MAX_FILE_BYTES = 256 * 1024


def read_fields() -> list[tuple[str, str]]:
    """Return the fields of the form of this request, without passwords; a chosen YAML file as its text."""
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if not any(word in name for word in _SECRET_WORDS)
    ]
    file = request.files.get("file")
    if file is not None and (file.filename or "").lower().endswith((".yaml", ".yml")):
        text = file.stream.read(MAX_FILE_BYTES).decode("utf-8-sig", "replace")
        fields = [(name, value) for name, value in fields if name != "yaml"] + [("yaml", text)]
    return fields


def read_kept() -> list[tuple[str, str]]:
    """Return the fields that the sign-in form carries for another form."""
    return [
        (name.removeprefix(PREFIX), value)
        for name, value in request.form.items(multi=True)
        if name.startswith(PREFIX) and name != PATH
    ]


def ask_to_sign_in(path: str, fields: list[tuple[str, str]], name: str = "", message: str = "") -> str:
    """Return the sign-in page that carries a form and the path that it goes to."""
    return render_template(
        "sign_in.html", name=name, next="", kept=fields, kept_path=path,
        message=message or "Your session has ended. Sign in to go on: what you typed is kept.",
    )  # fmt: skip


def show_form_again(path: str, fields: list[tuple[str, str]], status: int, token: Token | None = None) -> Response:
    """Return a page with what was typed and the button that sends it again.

    `token`: of the session that has just begun; by default that of the request.
    """
    csrf_token = tokens.make_csrf_token(token, access.get_signing_key()) if token else access.make_form_token()
    long = [(name, value) for name, value in fields if "\n" in value]
    page = render_template(
        "send_again.html", path=path, csrf_token=csrf_token, long=long,
        short=[field for field in fields if field not in long], user=access.current_user(),
    )  # fmt: skip
    return make_response(page, status)
