"""Stops the build of an image whose interpreter lets a mail's subject add a header to the mail.

Asks the interpreter instead of comparing versions, as distributions patch without renumbering.
(CVE-2024-6923: a newline inside an encoded word. No user text goes into a header; this is the
second lock on that door.)
"""

import sys
from email import policy
from email.errors import MessageError
from email.message import EmailMessage

SUBJECT = "report =?utf-8?q?=0ABcc:_other@example.org?="


def is_injectable() -> bool:
    """Whether a subject can become a second header."""
    mail = EmailMessage()
    mail["Subject"] = SUBJECT
    mail.set_content("text")
    try:
        return b"\nBcc:" in mail.as_bytes(policy=policy.SMTP)
    except MessageError:  # it refused
        return False


if __name__ == "__main__" and is_injectable():
    sys.exit(f"this Python lets mail headers be injected, use a patched one: {sys.version}")
