"""Mail by SMTP, fast and exact."""

from services.followup.adapters.smtp.pool import Smtp
from services.followup.adapters.smtp.relay import Answer, Mail

__all__ = ["Answer", "Mail", "Smtp"]
