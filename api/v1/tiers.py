"""OpenAI's service tiers are queues here."""

from enum import StrEnum

from common.job import Job
from common.queues import Priority


class ServiceTier(StrEnum):
    """What a client may ask for."""

    AUTO = "auto"
    DEFAULT = "default"
    FLEX = "flex"
    SCALE = "scale"
    PRIORITY = "priority"
    FAST = "fast"
    ULTRAFAST = "ultrafast"


_QUEUES = {
    ServiceTier.FLEX: Priority.LOW,
    ServiceTier.AUTO: Priority.NORMAL,
    ServiceTier.DEFAULT: Priority.NORMAL,
    ServiceTier.SCALE: Priority.NORMAL,
    ServiceTier.PRIORITY: Priority.HIGH,
    ServiceTier.FAST: Priority.HIGH,
    ServiceTier.ULTRAFAST: Priority.URGENT,
}
_TIERS = {
    Priority.LOW: ServiceTier.FLEX,
    Priority.NORMAL: ServiceTier.DEFAULT,
    Priority.HIGH: ServiceTier.PRIORITY,
    Priority.URGENT: ServiceTier.ULTRAFAST,
}


def priority_of(tier: ServiceTier | None) -> Priority:
    """The queue of a tier."""
    return _QUEUES[tier or ServiceTier.AUTO]


def tier_of(job: Job) -> str:
    """The tier that the job really has; as with OpenAI, ``fast`` shows as ``priority``."""
    return _TIERS[job.priority].value
