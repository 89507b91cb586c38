"""Say a cron schedule in words: "every Monday at 06:30"."""

from __future__ import annotations

from systemscripts.schedules.cron_times import NICKNAMES

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
# more times of a day than this are not listed one by one
MAX_TIMES_LISTED = 4


def describe_schedule(schedule: str) -> str:
    """Return a valid schedule in words; the five fields themselves where words would be longer than they."""
    text = schedule.strip().lower()
    fields = NICKNAMES.get(text, text).split()
    if len(fields) != 5:
        return schedule
    minute, hour, day, month, weekday = fields
    time_words = _describe_time(minute, hour)
    day_words = _describe_days(day, month, weekday)
    if not time_words or day_words is None:
        return schedule
    if time_words.startswith("every"):
        return f"{time_words}{', ' + day_words if day_words != 'every day' else ''}"
    return f"{day_words} at {time_words}"


def _describe_time(minute: str, hour: str) -> str:
    """Return "06:30", "06:30 and 18:30" or "every 15 minutes"; "" for what has no short words."""
    if hour == "*":
        if minute == "*":
            return "every minute"
        if minute.startswith("*/") and minute[2:].isdecimal():
            return f"every {int(minute[2:])} minutes"
        return f"every hour at minute {int(minute)}" if minute.isdecimal() else ""
    if not minute.isdecimal():
        return ""
    if hour.startswith("*/") and hour[2:].isdecimal():
        return f"every {int(hour[2:])} hours at minute {int(minute)}"
    hours = _split_numbers(hour)
    if not hours or len(hours) > MAX_TIMES_LISTED:
        return ""
    return _join_words([f"{number:02}:{int(minute):02}" for number in hours])


def _describe_days(day: str, month: str, weekday: str) -> str | None:
    """Return "every Monday", "on day 3 of each month" or "every day"; None for what has no short words."""
    if month != "*":
        months = _split_numbers(month)
        if weekday != "*" or not day.isdecimal() or not months or not all(1 <= number <= 12 for number in months):
            return None
        return f"on {_join_words([f'{int(day)} {MONTHS[number - 1]}' for number in months])}"
    if day != "*":
        days = _split_numbers(day)
        if weekday != "*" or not days:
            return None
        word = "day" if len(days) == 1 else "days"
        return f"on {word} {_join_words([str(number) for number in days])} of each month"
    if weekday == "*":
        return "every day"
    if weekday in ("1-5", "mon-fri"):
        return "every workday"
    numbers = _split_numbers(_replace_names(weekday))
    if not numbers or max(numbers) > 7:
        return None
    return f"every {_join_words([WEEKDAYS[number % 7] for number in numbers])}"


def _replace_names(text: str) -> str:
    for number, name in enumerate(WEEKDAYS):
        text = text.replace(name[:3].lower(), str(number))
    return text


def _split_numbers(text: str) -> list[int]:
    """Return the numbers of a field such as 1,3-5; empty for anything else."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()) or (not last and "-" in part):
            return []
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def _join_words(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
