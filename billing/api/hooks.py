"""The webhook receiver: where paygate-mcp gateways deliver.

A gateway takes any status below 400 for success, redirects too, and tries again otherwise, for
half a minute. So whatever is authentic is answered 200, also when it cannot be understood: it is
kept, and a second attempt would not read better. There is no rate limit.
"""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from billing.api.bodies import BodyTooLarge, read_stream
from billing.api.problems import problem
from billing.api.renderers import exact_json
from billing.api.signatures import HEADER, is_signed
from billing.gateway.webhook import take_delivery
from billing.models import Source
from billing.models.sources import SourceKind

RETRY, TEST = "X-PayGate-Retry", "X-PayGate-Test"


@csrf_exempt
def paygate_hook(request: HttpRequest, slug: str) -> HttpResponse:
    """Take in a delivery; problem details for 401, 404, 405, 409 and 413."""
    if request.method != "POST":
        answer = problem(405, "method_not_allowed", "Deliveries are posted.")
        answer["Allow"] = "POST"
        return answer
    source = Source.objects.filter(slug=slug).first()
    if source is None:
        return problem(404, "unknown_source", f"There is no source {slug}.")
    if source.kind != SourceKind.PAYGATE:
        return problem(409, "not_a_gateway", f"{slug} is not an MCP payment gateway.")
    return _taken(request, source)


def _taken(request: HttpRequest, source: Source) -> HttpResponse:
    try:
        body = read_stream(request)
    except BodyTooLarge as error:
        return problem(413, error.default_code, error.default_detail)
    secrets = source.signing_secrets()
    if secrets and not is_signed(request.META.get(HEADER, ""), body, secrets):
        return problem(401, "invalid_signature", "The signature is missing, old or does not fit.")
    taken = take_delivery(source, body, RETRY in request.headers, TEST in request.headers)
    return HttpResponse(exact_json(asdict(taken)), content_type="application/json")
