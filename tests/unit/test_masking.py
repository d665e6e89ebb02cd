"""Which header values are masked."""

import pytest

from hooklog.errors import InvalidSetting
from hooklog.executions.masking import ALWAYS, MASK, SensitiveHeaders


def test_some_headers_are_always_masked_in_any_case() -> None:
    for name in ALWAYS:
        shown = SensitiveHeaders().mask({name.title(): "x", name.upper(): ""})
        assert shown == {name.title(): MASK, name.upper(): MASK}


def test_other_headers_are_masked_by_name() -> None:
    headers = {"x-one": "1", "X-Two": "2", "X-Three": "3", "X": "4"}
    shown = SensitiveHeaders.parse("X-One,x-two").mask(headers, ["X-THREE"])
    assert shown == {"x-one": MASK, "X-Two": MASK, "X-Three": MASK, "X": "4"}


@pytest.mark.parametrize(
    "name", ["X_Api_Key", "x.api.key", "XApiKey", "Authorization_", "_cookie", "PROXY_AUTHORIZATION"]
)
def test_punctuation_does_not_prevent_masking(name: str) -> None:
    assert SensitiveHeaders().mask({name: "x"}) == {name: MASK}
    deployment, webhook = SensitiveHeaders.parse("X-Own"), ["x_its-own"]
    for own in ("X-Own", "x_own", "xown", "X_Its_Own", "X-Its-Own"):
        assert deployment.mask({own: "x", "X-Ow": "y"}, webhook) == {own: MASK, "X-Ow": "y"}


@pytest.mark.parametrize("text", ["X Shop", "X-Shop;X-Other", "X-Shop,,X-Other", "X-Shop,", "Größe", "x" * 257])
def test_an_invalid_header_name_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(InvalidSetting, match="SENSITIVE_HEADERS"):
        SensitiveHeaders.parse(text)
