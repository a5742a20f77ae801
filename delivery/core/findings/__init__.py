"""What the rules may ask. Each module registers its questions and moments by being imported."""

import delivery.core.findings.answers
import delivery.core.findings.direct
import delivery.core.findings.electronic
import delivery.core.findings.notice
import delivery.core.findings.people
import delivery.core.findings.post
import delivery.core.findings.standing  # noqa: F401
