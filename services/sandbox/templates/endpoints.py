"""`/_sandbox/templates`: tells the sandbox what exists."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from services.sandbox.templates.schemas import Template

router = APIRouter(prefix="/_sandbox/templates")

TemplateName = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,512}$")]


@router.put("/{name}", response_model_exclude_defaults=True)
async def put_template(request: Request, name: TemplateName, template: Template) -> Template:
    """From now on this template is checked and priced as told; unknown ones pass as utility."""
    kept: Template = request.app.state.world.templates.put(name, template)
    return kept


@router.get("")
async def list_templates(request: Request, waba_id: str = "") -> list[dict[str, object]]:
    """What this account may send (those of every account included)."""
    found = request.app.state.world.templates.of_account(waba_id)
    return [{"name": name, **template.model_dump()} for name, template in found]
