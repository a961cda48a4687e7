"""The expected signatures were made with `openssl dgst -sha256 -hmac topsecret` over the texts of the documentation."""

import base64
import json

import pytest

from gateways.bybit.signing import LOGIN_VALID_MS, PRIVATE, TRADE, HmacKey, RsaKey, Signer
from gateways.native.wire import Method

SIGNER = Signer(HmacKey("XXXXXXXXXX", "topsecret"))


def test_a_get_is_signed_over_its_query():
    params = {"category": "option", "symbol": "BTC-29JUL22-25000-C"}
    request = SIGNER.get("k", "/v5/order/realtime", params, "realtime", 1658384314791)

    headers = dict(request.headers)
    assert request.method is Method.GET
    assert request.query == "category=option&symbol=BTC-29JUL22-25000-C"
    # over 1658384314791XXXXXXXXXX5000category=option&symbol=BTC-29JUL22-25000-C
    assert headers["X-BAPI-SIGN"] == "7f9b6113f9ff29028b75502d6e0ce7e3e768a35b0c931cb391aafaa003ecda9d"
    assert headers["X-BAPI-API-KEY"] == "XXXXXXXXXX"
    assert headers["X-BAPI-TIMESTAMP"] == "1658384314791"
    assert headers["X-BAPI-RECV-WINDOW"] == "5000"
    assert request.is_private
    assert dict(request.weight) == {"http-ip": 1.0, "realtime": 1.0}


def test_a_post_is_signed_over_its_body():
    fields = {"category": "linear", "symbol": "BTCUSDT"}
    request = SIGNER.post("k", "/v5/order/cancel", fields, "cancel-contract", 1658385579423)

    headers = dict(request.headers)
    assert request.body == b'{"category":"linear","symbol":"BTCUSDT"}'
    assert headers["X-BAPI-SIGN"] == "25194d96c1ba1d09056822eb2409f60fbafbcd39bfe67375458bcc9b7ae203b5"
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("stream", [PRIVATE, TRADE])
def test_a_login_is_signed_over_the_time_that_it_expires_at(stream):
    request = SIGNER.login(stream, 1711010126452 - LOGIN_VALID_MS)

    # over GET/realtime1711010126452
    signature = "88442bfcd33ce2c0906dfeaee13917bcc4a805b573968dc4b31dfd4909fc9c98"
    assert json.loads(request.frame) == {"op": "auth", "args": ["XXXXXXXXXX", 1711010126452, signature]}
    assert request.stream == stream
    assert request.is_private


def test_what_is_not_a_letter_is_encoded_and_a_cursor_goes_back_as_it_came():
    request = SIGNER.get("k", "/p", {"coin": "USDT,USDC", "cursor": "132766%3A2%2C1"}, "wallet", 1)

    assert request.query == "coin=USDT%2CUSDC&cursor=132766%3A2%2C1"


def test_no_secret_is_shown():
    assert repr(HmacKey("key-id", "topsecret")) == "HmacKey(<redacted>)"


def pem_of(private) -> bytes:
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    pkcs8 = serialization.PrivateFormat.PKCS8
    return private.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())


def test_an_rsa_key_signs_in_base64_what_its_public_half_verifies():
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    padding = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.padding")
    hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
    private = rsa.generate_private_key(65537, 2048)
    key = RsaKey("key-id", pem_of(private))

    signature = base64.b64decode(key.sign(b"GET/realtime1"))

    private.public_key().verify(signature, b"GET/realtime1", padding.PKCS1v15(), hashes.SHA256())
    assert repr(key) == "RsaKey(<redacted>)"


def test_a_key_of_another_kind_is_refused():
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")

    with pytest.raises(ValueError, match="not an RSA key"):
        RsaKey("key-id", pem_of(ec.generate_private_key(ec.SECP256R1())))
