"""Composes Meta's announcements and keeps the registry in step with them (`whatsapp-cloud-api.md`, 3.6-3.7)."""

import secrets
import time
from collections import OrderedDict
from typing import Any

from services.kernel.errors import NotFound
from services.sandbox.identity import digits, user_id
from services.sandbox.numbers.service import Number, Numbers
from services.sandbox.platform.schemas import Announced, PlatformEvent
from services.sandbox.templates.service import Status, Template, Templates
from services.sandbox.webhooks.service import Announcement, Webhooks

STOPPED_MAX = 100_000  # people who stopped marketing; the longest ago is forgotten first
DAY_SECONDS = 24 * 3600
STATUSES: dict[str, Status] = {
    "template_approved": "APPROVED",
    "template_rejected": "REJECTED",
    "template_paused": "PAUSED",
    "template_disabled": "DISABLED",
}
PAUSE = {"title": "FIRST_PAUSE", "description": "The template was paused for 3 hours because of its quality."}


class Platform:
    def __init__(self, webhooks: Webhooks, numbers: Numbers, templates: Templates, seed: int) -> None:
        self._webhooks = webhooks
        self._numbers = numbers
        self._templates = templates
        self._seed = seed
        self._stopped: OrderedDict[tuple[str, str], None] = OrderedDict()  # (account, person)

    def has_stopped(self, waba_id: str, phone: str) -> bool:
        """Whether the person wants no marketing of this account (hot path)."""
        return (waba_id, phone) in self._stopped

    async def announce(self, event: PlatformEvent) -> Announced:
        """Returns when it is on the disk and on its way; raises NotFound for a template nobody told of."""
        number = self._numbers.number(event.phone_number_id or "")
        waba_id = event.waba_id or number.waba_id
        if event.field is not None and event.value is not None:
            return await self._tell(waba_id, event.field, event.value)
        if event.event is not None and event.event.startswith("template"):
            return await self._of_template(waba_id, event, event.event)
        if event.event in ("preference_stop", "preference_resume"):
            self._remember(waba_id, digits(event.phone or ""), has_stopped=event.event == "preference_stop")
        field, value = self._of_account(event, number, waba_id)
        return await self._tell(waba_id, field, value)

    async def reviewed(self, waba_id: str, name: str, template: Template, status: Status) -> None:
        """Meta has looked at a template that was created."""
        reason = "INVALID_FORMAT" if status == "REJECTED" else "NONE"
        value = _about(name, template) | {"event": status, "reason": reason}
        if status == "REJECTED":
            value["rejection_info"] = {"reason": "The format is not valid.", "recommendation": "Change the text."}
        await self._tell(waba_id, "message_template_status_update", value)

    async def _of_template(self, waba_id: str, event: PlatformEvent, name: str) -> Announced:
        template = self._template(waba_id, event)
        about = _about(event.template or "", template)
        if name == "template_quality":
            scores = {"previous_quality_score": "GREEN", "new_quality_score": event.score}
            return await self._tell(waba_id, "message_template_quality_update", about | scores)
        if name == "template_category":
            change = {"previous_category": "UTILITY", "new_category": "MARKETING"}
            self._put(event, template, {"category": "marketing"})
            return await self._tell(waba_id, "template_category_update", about | change)
        status = STATUSES[name]
        self._put(event, template, {"status": status})
        more: dict[str, Any] = {"event": status, "reason": "NONE"}
        if status == "PAUSED":
            more["other_info"] = PAUSE
        if status == "REJECTED":
            more["reason"] = "INVALID_FORMAT"
        return await self._tell(waba_id, "message_template_status_update", about | more)

    def _template(self, waba_id: str, event: PlatformEvent) -> Template:
        found = self._templates.of_name(event.template or "", waba_id)
        fitting = [one for one in found if event.language in (None, one.language)]
        if not fitting:
            raise NotFound("the sandbox knows no such template: PUT /_sandbox/templates/{name} first")
        return fitting[0]

    def _put(self, event: PlatformEvent, template: Template, change: dict[str, Any]) -> None:
        self._templates.put(event.template or "", Template.model_validate(template.model_dump() | change))

    def _of_account(self, event: PlatformEvent, number: Number, waba_id: str) -> tuple[str, dict[str, Any]]:
        shown, now = digits(number.display_phone_number), int(time.time())
        metadata = {"display_phone_number": shown, "phone_number_id": event.phone_number_id}
        ready: dict[str, tuple[str, dict[str, Any]]] = {
            "number_quality": ("phone_number_quality_update", {
                "display_phone_number": shown, "event": "FLAGGED", "current_limit": "TIER_10K"}),
            "number_throughput": ("phone_number_quality_update", {
                "display_phone_number": shown, "event": "THROUGHPUT_UPGRADE", "current_limit": "TIER_UNLIMITED",
                "max_daily_conversations_per_business": "TIER_UNLIMITED"}),
            "number_name": ("phone_number_name_update", {
                "display_phone_number": shown, "decision": "APPROVED", "requested_verified_name": number.verified_name,
                "rejection_reason": None}),
            "account_restricted": ("account_update", {
                "event": "ACCOUNT_RESTRICTION", "restriction_info": [{
                    "restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": now + DAY_SECONDS}]}),
            "account_violation": ("account_update", {
                "event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "SPAM"}}),
            "account_banned": ("account_update", {"event": "DISABLED_UPDATE", "ban_info": {
                "waba_ban_state": "DISABLE", "waba_ban_date": time.strftime("%B %d, %Y", time.gmtime(now))}}),
            "account_reinstated": ("account_update", {"event": "DISABLED_UPDATE", "ban_info": {
                "waba_ban_state": "REINSTATE", "waba_ban_date": time.strftime("%B %d, %Y", time.gmtime(now))}}),
            "account_reviewed": ("account_review_update", {"decision": "APPROVED"}),
            "account_alert": ("account_alerts", {
                "entity_type": "BUSINESS", "entity_id": waba_id, "alert_info": {
                    "alert_severity": "WARNING", "alert_status": "ACTIVE", "alert_type": "OBA_REJECTED",
                    "alert_description": "The application for an official business account was rejected."}}),
            "capability": ("business_capability_update", {
                "max_daily_conversations_per_business": "TIER_2K", "max_phone_numbers_per_business": 20}),
            "security_pin": ("security", {"display_phone_number": shown, "event": "PIN_CHANGED", "requester": "1"}),
            "preference_stop": ("user_preferences", self._preference(event, metadata, waba_id, "stop", now)),
            "preference_resume": ("user_preferences", self._preference(event, metadata, waba_id, "resume", now)),
        }  # fmt: skip
        return ready[event.event or ""]

    def _remember(self, waba_id: str, phone: str, *, has_stopped: bool) -> None:
        self._stopped.pop((waba_id, phone), None)
        if has_stopped:
            self._stopped[waba_id, phone] = None
        if len(self._stopped) > STOPPED_MAX:
            self._stopped.popitem(last=False)

    def _preference(
        self, event: PlatformEvent, metadata: dict[str, Any], waba_id: str, value: str, now: int
    ) -> dict[str, Any]:
        phone = digits(event.phone or "")
        ids = {"wa_id": phone, "user_id": user_id(phone, waba_id, self._seed)}
        wish = {"detail": f"User requested to {value} marketing messages", "category": "marketing_messages"}
        return {
            "messaging_product": "whatsapp",
            "metadata": metadata,
            "contacts": [ids],
            "user_preferences": [{**ids, **wish, "value": value, "timestamp": now}],
        }

    async def _tell(self, waba_id: str, field: str, value: dict[str, Any]) -> Announced:
        announcement = Announcement(secrets.token_hex(12), waba_id, field, value, int(time.time()))
        await self._webhooks.tell(announcement)
        return Announced(id=announcement.id, field=field, waba_id=waba_id, value=value)


def _about(name: str, template: Template) -> dict[str, Any]:
    return {
        "message_template_id": int(template.id),
        "message_template_name": name,
        "message_template_language": template.language or "",
        "message_template_category": template.category.upper(),
    }
