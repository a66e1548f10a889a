"""Whether a send fits its stored template, in Meta's codes (hot path)."""

from services.gateway.graph.errors import (
    FormatMismatch,
    GraphError,
    MissingParameter,
    NoSuchTemplate,
    ParameterCount,
    UserIdNotAllowed,
    WrongParameters,
)
from services.gateway.graph.sends import Send
from services.gateway.templates.service import Template
from services.gateway.templates.shapes import Reason, mismatch
from services.gateway.templates.uses import TemplateUse

ERRORS: dict[Reason, type[GraphError]] = {
    "count": ParameterCount,
    "format": FormatMismatch,
    "missing": MissingParameter,
    "parameters": WrongParameters,
}


def fitted(template: Template | None, send: Send) -> Template:
    """The template that the send fits; raises GraphError."""
    use = send.template
    assert use is not None
    if template is None:
        raise NoSuchTemplate(
            f"template name ({use.name}) does not exist in {use.language}, or is not approved: "
            "use an approved template."
        )
    if send.bsuid is not None and template.category == "authentication":
        raise UserIdNotAllowed("recipient: a code can only be sent to a phone number: give the number in to.")
    if template.shape is None:
        _check_count(use, template.body_parameters)
    elif found := mismatch(template.shape, use.parts):
        raise ERRORS[found.reason](found.details)
    return template


def _check_count(use: TemplateUse, expected: int) -> None:
    if use.body_parameters != expected:
        raise ParameterCount(
            f"body: number of localizable_params ({use.body_parameters}) does not match the expected number of "
            f"params ({expected}): send exactly {expected} body parameters."
        )
