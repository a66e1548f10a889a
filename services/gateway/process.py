"""A process of the gateway: the kernel's, with the gateway's settings."""

from services.gateway.settings import Settings
from services.kernel.process import ServiceProcess


class GatewayProcess(ServiceProcess):
    settings: Settings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.settings = settings
