"""One page of a list of Bybit's REST interface, or why there is none.

Source: Bybit V5 API documentation, "Integration Guidance", section "Common response parameters"; "Get Open & Closed
Orders", parameter `cursor`; "Rate Limit Rules"; read 2026-11-24.
"""

from gateways.bybit.bodies import Envelope, MalformedBody, Page, decode
from gateways.bybit.limits import IP_BAN_MS, ban, limit_used, refused_access
from gateways.bybit.ret_codes import Verdict, reason_of, verdict_of
from gateways.native.wire import Banned, LimitUsed, OutcomeUnknown, RestResponse
from messages.orders import RejectReason

Trouble = OutcomeUnknown | LimitUsed | Banned


def read_page(response: RestResponse, limit: str, now_ms: int) -> tuple[Page | None, list[Trouble]]:
    """The page, and what else the response says; None where the question is to be asked again.

    An order that does not exist is an empty page.
    """
    key = response.key
    if response.status == 0 or response.status >= 500:
        return None, [OutcomeUnknown(key, f"HTTP status {response.status}")]
    if (shut_out := refused_access(response, now_ms)) is not None:
        return None, [OutcomeUnknown(key, shut_out.text), shut_out]
    try:
        envelope = decode(response.body, Envelope, f"answer to {key}")
        page = decode(envelope.result, Page, f"result of {key}") if envelope.ret_code == 0 else Page()
    except MalformedBody as error:
        return None, [OutcomeUnknown(key, str(error))]
    used: list[Trouble] = [*limit_used(limit, response.headers)]
    if envelope.ret_code == 0 or reason_of(envelope.ret_code) is RejectReason.UNKNOWN_ORDER:
        return page, used
    text = f"{envelope.ret_code}: {envelope.ret_msg or ''}"
    verdict = verdict_of(envelope.ret_code)
    if verdict is Verdict.LIMITED:
        used.append(ban(response.headers, now_ms, text))
    if verdict is Verdict.BANNED:
        used.append(Banned(IP_BAN_MS, text))
    return None, [OutcomeUnknown(key, text), *used]


def next_cursor(page: Page) -> str:
    """Where the next page begins; empty where this is the last. The venue may give a cursor after the last one, too."""
    return (page.next_page_cursor or "") if page.list else ""
