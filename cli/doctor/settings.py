"""What doctor reads from the environment: that of the processes it judges."""

from cli.settings import LauncherSettings
from common.settings import AppEnv


class DoctorSettings(LauncherSettings):
    """The launcher's."""

    @property
    def production(self) -> bool:
        """Whether what is unsafe is a fault, not a convenience."""
        return self.app_env is AppEnv.PRODUCTION
