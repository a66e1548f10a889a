"""What a template can be refused for."""

from services.kernel.errors import Conflict, Unprocessable


class TemplateExists(Conflict):
    def __init__(self, name: str, language: str) -> None:
        super().__init__(f"the template {name} exists in {language} already")


class WrongParameterCount(Unprocessable):
    def __init__(self, given: int, counted: int) -> None:
        super().__init__(f"body_parameters is {given}, but the body has {counted} placeholders; leave the field out")
