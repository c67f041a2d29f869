"""A planted secret survives in no text, and ordinary sentences stay unchanged whatever the secret is."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from redaction.masking import mask, mask_line
from redaction.ordinary import ORDINARY

SENTENCES = (
    'FATAL:  password authentication failed for user "mars"',
    'FATAL:  database "orders_db" does not exist',
    "FATAL:  unsupported startup parameter: statement_timeout",
    "FATAL:  sorry, too many clients already",
    "FATAL:  the database system is starting up",
    "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
    'FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "mars", database "orders_db", no encryption',
    'ERROR:  permission denied for table "orders"',
    'ERROR:  column "customer_id" does not exist',
    'HINT:  Perhaps you meant to reference the column "orders.customer_ref".',
    "ERROR:  canceling statement due to statement timeout",
    "ERROR:  operator does not exist: character varying >= uuid",
    "terminating connection due to administrator command",
    "could not translate host name to address: Name or service not known",
    "the connection was refused: nothing listens there",
    "its certificate is signed by no CA that this machine trusts, and ssl.ca.location names none",
    "Unsupported SASL mechanism: broker's supported mechanisms: SCRAM-SHA-256",
    "Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
    "--orders-table orders: there is no such table; there are orders, outbox",
    "12,345 orders were sent; 9 lost, 19 disputed; exit code 1",
)
WORDS = sorted({word for sentence in SENTENCES for word in re.findall(r"[A-Za-z]+", sentence)})
# In a sentence, whatever is quoted or follows `=` may be a value.
PROSE = tuple(re.sub(r'"[^"]*"', '"-"', sentence) for sentence in SENTENCES)

strong = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp")), min_size=4, max_size=40
).filter(lambda text: text.casefold() not in ORDINARY and any(sign.isalnum() for sign in text) and "*" not in text)
weak = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=3) | st.sampled_from(WORDS)
WRAPS = (
    "postgresql://mars:{}@127.0.0.1:5432/orders_db",
    'invalid connection option "{}"',
    "host=x password={} user=y",
    "{}",
    "nonnumeric port: '{}'",
    "X-Api-Key: {}",
    "password: {}",
)


def spellings(secret: str) -> list[str]:
    return [
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        base64.b64encode(secret.encode()).decode(),
    ]


@given(strong, st.sampled_from(WRAPS), st.sampled_from(SENTENCES), st.integers(0, 5))
def test_a_planted_secret_never_survives(secret: str, wrap: str, sentence: str, form: int) -> None:
    spelled = spellings(secret)[form]
    assume(spelled not in wrap + sentence)
    assert spelled not in mask(f"{sentence} {wrap.format(spelled)} {sentence}", [secret])


@given(strong.filter(lambda secret: len(secret) >= 8), st.sampled_from(WORDS))
def test_a_long_secret_is_masked_inside_words_too(secret: str, word: str) -> None:
    assert secret not in mask(f"{word}{secret}{word}", [secret])


@given(weak, st.sampled_from(WRAPS[:6]))
def test_a_short_or_common_secret_is_masked_where_values_stand(secret: str, wrap: str) -> None:
    # It may be another value of the same text, in either case of its letters: then that is masked too.
    assume(not re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", wrap, re.IGNORECASE))
    text = wrap.format(secret)
    if wrap == "{}" or not set(secret) & set("'\"@:/&;,=?#[]{}()<>\\`%"):
        assert mask(text, [secret]) == wrap.format("***")


@given(weak | st.sampled_from(sorted(ORDINARY)), st.sampled_from(PROSE))
def test_sentences_stay_whole(secret: str, sentence: str) -> None:
    if secret.isalnum():
        assert mask(sentence, [secret]) == sentence


@pytest.mark.parametrize("word", WORDS)
def test_each_word_of_these_sentences_as_a_secret_leaves_them_readable(word: str) -> None:
    for sentence in PROSE:
        assert mask(sentence, [word]) == sentence


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        (["x"], 'database "shop" does not exist', 'database "shop" does not exist'),
        (["x"], 'role "x" does not exist', 'role "***" does not exist'),
        (["mars1"], "postgres://mars:mars1@h/mars1db", "postgres://mars:***@h/mars1db"),
        (["mars1"], "u%3Amars1%40h", "u%3A***%40h"),
        (["T@P/x!9#a"], "bad: T%40P%2Fx%219%23a, T%40P%2fx%219%23a", "bad: ***, ***"),
        (["T%40P%2Fx!9"], "the password T@P/x!9 is wrong", "the password *** is wrong"),
        (["Bearer abcDEF123456"], "invalid token abcDEF123456", "invalid token ***"),
        (["Basic " + base64.b64encode(b"shop:geheim99").decode()], "shop:geheim99", "shop:***"),
        (['m required username="u" password="geheim99";'], "login as u, geheim99", "login as u, ***"),
        (["-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END KEY-----"], "at MIIEvQIBADANBgkqhkiG", "at ***"),
        (["a  b\tc9"], "said: a b c9", "said: ***"),
        (["longer-secret", "longer-secret-2"], "longer-secret-2 longer-secret", "*** ***"),
        (["", "  "], "nothing to mask  here", "nothing to mask  here"),
        (["5432"], "port 54321 is not 5432", "port 54321 is not ***"),
        (["it's-9-o'clock"], "password='it\\'s-9-o\\'clock'", "password='***'"),
        (["\udce9\udce9\udce9-broken"], "x \udce9\udce9\udce9-broken", "x ***"),
    ],
)
def test_how_secrets_are_masked(secrets: list[str], text: str, shown: str) -> None:
    assert mask(text, secrets) == shown


def test_one_line() -> None:
    assert mask_line(ValueError("no\n such  geheim\n99 key"), ["geheim\n99"]) == "no such *** key"
