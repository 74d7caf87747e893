"""The two ways in which the API writes times, and reading them back (specification §1.4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse_sync.domain.timestamps import BEGINNING, format_audit, format_instant, parse_instant
from warehouse_sync.errors import InvalidRequest


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2023, 2, 7, 20, 36, tzinfo=UTC), "2023-02-07T20:36:00"),
        (datetime(2023, 1, 24, 15, 13, 33, 50_000, tzinfo=UTC), "2023-01-24T15:13:33.05"),
        (datetime(2022, 10, 19, 17, 8, 10, 13_000, tzinfo=UTC), "2022-10-19T17:08:10.013"),
        (datetime(2022, 10, 19, 17, 8, 10, 500_000, tzinfo=UTC), "2022-10-19T17:08:10.5"),
        (datetime(2022, 10, 19, 17, 8, 10, 999, tzinfo=UTC), "2022-10-19T17:08:10"),  # cut, never rounded
        (datetime(2022, 10, 19, 17, 8, 59, 999_999, tzinfo=UTC), "2022-10-19T17:08:59.999"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "9999-12-31T23:59:59"),
    ],
)
def test_audit_times_have_no_zone_and_no_trailing_zeros(moment: datetime, text: str) -> None:
    assert format_audit(moment) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2022, 10, 30, 11, 0, 16, tzinfo=UTC), "2022-10-30T11:00:16Z"),
        (datetime(2022, 10, 30, 11, 0, 16, 999_999, tzinfo=UTC), "2022-10-30T11:00:16Z"),
        (BEGINNING, "0001-01-01T00:00:00Z"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "9999-12-31T23:59:59Z"),
        (datetime(2023, 1, 1, 1, tzinfo=timezone(timedelta(hours=5))), "2022-12-31T20:00:00Z"),
    ],
)
def test_schedule_times_end_in_z(moment: datetime, text: str) -> None:
    assert format_instant(moment) == text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-02-01T00:05:00Z", datetime(2023, 2, 1, 0, 5, tzinfo=UTC)),
        (" 2023-02-01T00:05:00 ", datetime(2023, 2, 1, 0, 5, tzinfo=UTC)),
        ("2023-02-01", datetime(2023, 2, 1, tzinfo=UTC)),
        ("2023-02-01 00:05:00+02:00", datetime(2023, 1, 31, 22, 5, tzinfo=UTC)),
        ("2023-02-01T00:05:00.000Z", datetime(2023, 2, 1, 0, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", BEGINNING),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_parse(text: str, moment: datetime) -> None:
    parsed = parse_instant(text, field="schedule_start_time")
    assert parsed == moment
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2023-03-1T:12:00:00Z",  # the published example that no one can read
        "2023-02-30T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "2023-02-01T00:05:00.5Z",
        "1675209900",
    ],
)
def test_a_text_that_is_no_time_is_refused_naming_the_field(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_instant(text, field="schedule_end_time")
    assert refused.value.field == "schedule_end_time"
    assert "schedule_end_time" in refused.value.message


@given(st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0)))
def test_what_is_written_is_read_back(moment: datetime) -> None:
    assert parse_instant(format_instant(moment), field="x") == moment
    assert datetime.fromisoformat(format_audit(moment)).replace(tzinfo=UTC) == moment
