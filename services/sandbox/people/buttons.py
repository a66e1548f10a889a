"""What of a message a person can press."""

from typing import Any, NamedTuple

from services.sandbox.people.bubbles import Bubble


class Button(NamedTuple):
    """`reply` is the inbound it becomes: (type, the object under the type's name); None: it leads out of WhatsApp."""

    title: str
    reply: tuple[str, dict[str, Any]] | None
    description: str = ""


def of_bubble(bubble: Bubble, template_buttons: list[dict[str, Any]]) -> list[Button]:
    """In the order in which the phone shows them; a template's come from its registration."""
    content = bubble.content
    if bubble.type == "interactive" and isinstance(content, dict):
        return _interactive(content)
    if bubble.type == "template" and isinstance(content, dict):
        return _template(content, template_buttons)
    return []


def _interactive(content: dict[str, Any]) -> list[Button]:
    action = content.get("action") or {}
    buttons = [
        _reply("button_reply", button["reply"]) for button in action.get("buttons") or () if "reply" in button
    ]  # fmt: skip
    rows = [row for section in action.get("sections") or () for row in section.get("rows") or ()]
    buttons += [_reply("list_reply", row) for row in rows]
    if content.get("type") == "location_request_message":
        buttons.append(Button("Send location", ("location", {"latitude": 55.751244, "longitude": 37.618423})))
    if content.get("type") == "flow":
        flow = {"name": "flow", "body": "Sent", "response_json": '{"flow_token":"unused"}'}
        title = (action.get("parameters") or {}).get("flow_cta", "Flow")
        buttons.append(Button(title, ("interactive", {"type": "nfm_reply", "nfm_reply": flow})))
    if content.get("type") == "cta_url":
        buttons.append(Button((action.get("parameters") or {}).get("display_text", "URL"), None))
    return buttons


def _reply(kind: str, given: dict[str, Any]) -> Button:
    reply = {name: given[name] for name in ("id", "title", "description") if name in given}
    return Button(
        str(given.get("title", "")), ("interactive", {"type": kind, kind: reply}), str(given.get("description", ""))
    )


def _template(use: dict[str, Any], registered: list[dict[str, Any]]) -> list[Button]:
    payloads = {
        int(component.get("index") or 0): parameter.get("payload")
        for component in use.get("components") or ()
        if str(component.get("type")).lower() == "button"
        for parameter in component.get("parameters") or ()
        if parameter.get("type") == "payload"
    }
    if not registered:  # nobody told us their texts
        registered = [{"type": "QUICK_REPLY", "text": payload} for _, payload in sorted(payloads.items())]
    found = []
    for index, button in enumerate(registered):
        title = str(button.get("text") or button.get("type") or "")
        is_quick = str(button.get("type", "")).upper() == "QUICK_REPLY"
        reply = ("button", {"payload": payloads.get(index) or title, "text": title}) if is_quick else None
        found.append(Button(title, reply))
    return found
