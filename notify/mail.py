"""One e-mail. Where it goes out is PAYGATE_EMAIL_URL; without it every try says so."""

from email.mime.image import MIMEImage
from email.utils import formatdate

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils.translation import gettext as _

from notify.models import Delivery

TIMEOUT_SECONDS = 30


class NotConfigured(OSError):
    """PAYGATE_EMAIL_URL is not set."""


def is_configured() -> bool:
    """Whether e-mail can leave."""
    return bool(settings.PAYGATE_EMAIL_CONFIGURED)


def send(delivery: Delivery) -> None:
    """Hand the message to the mail server. Raises OSError or SMTPException.

    A repeat has the same Message-ID, so that mailboxes can tell it.
    """
    if not is_configured():
        raise NotConfigured(_("e-mail is not configured: set PAYGATE_EMAIL_URL"))
    message = delivery.message
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">") or "localhost"
    mail = EmailMultiAlternatives(
        message.subject,
        message.text,
        to=[delivery.address],
        headers={
            "Message-ID": f"<paygate-{message.pk}-{delivery.pk}@{domain}>",
            "Date": formatdate(message.created_at.timestamp()),
            "Auto-Submitted": "auto-generated",
        },
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    for file in message.files.all():
        content = bytes(file.content)
        if file.content_id:
            image = MIMEImage(content, file.content_type.partition("/")[2])
            image.add_header("Content-ID", f"<{file.content_id}>")
            image.add_header("Content-Disposition", "inline", filename=file.name)
            mail.attach(image)
        else:
            mail.attach(file.name, content, file.content_type)
    mail.send()
