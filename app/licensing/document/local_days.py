"""Dates are days in a contract's own zone; here they become instants, in microseconds UTC."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the IANA zone, or raise ValueError when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # missing; malformed; a directory's name
        raise ValueError(f"{name!r} is not an IANA time zone; write one such as UTC") from error


def micros(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970; a naive one is refused."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no UTC offset; an instant needs one")
    return (instant - EPOCH) // MICROSECOND


def instant(moment: int) -> datetime:
    """Return microseconds since 1970 as an instant; what no calendar holds as the last one."""
    try:
        return EPOCH + timedelta(microseconds=moment)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def midnight(day: date, tz: str) -> int:
    """Return the instant at which the day begins in the zone."""
    return micros(datetime(day.year, day.month, day.day, tzinfo=zone(tz)))


def numeral(day: date) -> int:
    """Return a day as it is written in the rules: 20270701."""
    return day.year * 10_000 + day.month * 100 + day.day


def day_of(instant: datetime, tz: str) -> date:
    """Return the day it is in the zone at an instant."""
    return instant.astimezone(zone(tz)).date()


def add_days(instant: int, days: int, tz: str) -> int:
    """Return the same wall-clock time in the zone `days` days later; a day need not last 24 h."""
    moment = EPOCH + timedelta(microseconds=instant)
    local = moment.astimezone(zone(tz)).replace(tzinfo=None) + timedelta(days=days)
    return micros(local.replace(tzinfo=zone(tz)))


def add_years(day: date, years: int) -> date:
    """Return the same day `years` later; 29 February falls on 1 March in a common year."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def next_day(day: date) -> date:
    """Return the day after."""
    return date.fromordinal(day.toordinal() + 1)
