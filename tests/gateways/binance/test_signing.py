"""Signatures against the examples of Binance's own documentation, keys and results as printed there."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from gateways.binance.signing import (
    BadKey,
    Credentials,
    Ed25519Secret,
    HmacSecret,
    clock_offset_ns,
    encoded,
    secret_of,
    venue_ms,
)

# Spot API docs, "REST API / Request security" and "WebSocket API / Request security".
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
UNICODE_SYMBOL = "１２３４５６"

# RFC 8032, section 7.1, TEST 2: the venue prints signatures of a key that it does not print.
ED25519_SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
ED25519_SIGNATURE_OF_72 = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def pem_of(key, password: bytes | None = None) -> bytes:
    encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def ed25519() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(ED25519_SEED)


def rest_order(symbol: str) -> dict[str, str | int]:
    return {
        "symbol": symbol,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": 1,
        "price": "0.1",
    }


@pytest.mark.parametrize(
    ("symbol", "in_query", "signature"),
    [
        ("LTCBTC", "LTCBTC", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
        (
            UNICODE_SYMBOL,
            "%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
    ],
)
def test_a_rest_query_is_encoded_first_and_signed_as_the_documentation_prints_it(symbol, in_query, signature):
    credentials = Credentials(API_KEY, HmacSecret(SECRET))
    expected = (
        f"symbol={in_query}&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1"
        f"&recvWindow=5000&timestamp=1499827319559&signature={signature}"
    )
    assert credentials.query(rest_order(symbol), 1499827319559) == expected


def test_the_futures_example_of_the_documentation_is_signed_as_printed():
    # Derivatives docs, USDⓈ-M Futures, "General Info", Example 1.
    secret = HmacSecret("2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9")
    payload = (
        b"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC"
        b"&recvWindow=5000&timestamp=1591702613943"
    )
    assert secret.sign(payload) == "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"


def test_websocket_parameters_are_sorted_by_name_and_signed_as_the_documentation_prints_it():
    params = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
    }
    signed = Credentials(API_KEY, HmacSecret(SECRET), recv_window_ms=100).signed(params, 1645423376532)
    assert signed["signature"] == "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"
    assert signed["timestamp"] == 1645423376532  # an integer, as the futures demand
    assert signed["apiKey"] == API_KEY


def test_websocket_parameters_are_not_percent_encoded_before_signing():
    params = {
        "symbol": UNICODE_SYMBOL,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1.00000000",
        "price": "0.10000000",
    }
    signed = Credentials(API_KEY, HmacSecret(SECRET)).signed(params, 1645423376532)
    assert signed["signature"] == "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd"


def test_an_ed25519_key_signs_as_the_standard_says_in_base64():
    secret = Ed25519Secret(pem_of(ed25519()))
    assert base64.b64decode(secret.sign(bytes([0x72]))) == ED25519_SIGNATURE_OF_72


def test_an_ed25519_signature_is_percent_encoded_in_a_query_and_the_venue_can_verify_it():
    credentials = Credentials(API_KEY, Ed25519Secret(pem_of(ed25519())))
    query = credentials.query({"symbol": "BTCUSDT"}, 1668481559918)
    payload, _, signature = query.partition("&signature=")
    assert payload == "symbol=BTCUSDT&recvWindow=5000&timestamp=1668481559918"
    assert not set(signature) & set("+/=")
    raw = base64.b64decode(signature.replace("%2B", "+").replace("%2F", "/").replace("%3D", "="))
    ed25519().public_key().verify(raw, payload.encode())  # raises where it is wrong


def test_an_encrypted_key_opens_with_its_password_only():
    pem = pem_of(ed25519(), b"open sesame")
    assert secret_of(pem.decode(), "open sesame").can_log_on
    for wrong in (None, "another"):
        with pytest.raises(BadKey, match="password is wrong"):
            secret_of(pem.decode(), wrong)


def test_a_key_of_another_kind_is_refused_with_what_to_do():
    with pytest.raises(BadKey, match="not an Ed25519 key; make one"):
        secret_of(pem_of(generate_private_key(SECP256R1())).decode())
    with pytest.raises(BadKey, match="not readable PEM"):
        secret_of("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----")


@pytest.mark.parametrize("secret", ["", "  ", "sécret"])
def test_an_hmac_secret_that_cannot_be_one_is_refused(secret):
    with pytest.raises(BadKey):
        secret_of(secret)


def test_an_hmac_key_cannot_log_a_connection_on():
    assert not Credentials(API_KEY, secret_of(SECRET)).can_log_on
    assert Credentials(API_KEY, Ed25519Secret(pem_of(ed25519()))).can_log_on


def test_nothing_that_holds_a_secret_shows_it():
    pem = pem_of(ed25519())
    for each in (HmacSecret(SECRET), Ed25519Secret(pem), Credentials(API_KEY, HmacSecret(SECRET))):
        shown = f"{each} {each!r}"
        assert SECRET not in shown
        assert API_KEY not in shown
        assert pem.decode().splitlines()[1] not in shown


@pytest.mark.parametrize("recv_window_ms", [0, 60_001])
def test_a_receive_window_that_the_venue_would_refuse_is_refused_here(recv_window_ms):
    with pytest.raises(ValueError, match="1 to 60000"):
        Credentials(API_KEY, HmacSecret(SECRET), recv_window_ms)


def test_the_key_goes_in_a_header_and_spaces_are_encoded_as_percent_20():
    assert Credentials(API_KEY, HmacSecret(SECRET)).headers == (("X-MBX-APIKEY", API_KEY),)
    assert encoded({"a": "x y&z", "b": 2}) == "a=x%20y%26z&b=2"


def test_a_timestamp_follows_the_venues_clock():
    # The venue says 10,000 ms half way between 9.9 s and 9.94 s of ours: it is 80 ms ahead.
    offset = clock_offset_ns(10_000, 9_900_000_000, 9_940_000_000)
    assert offset == 80_000_000
    assert venue_ms(20_000_000_000, offset) == 20_080
    assert venue_ms(20_000_000_000, -offset) == 19_920
